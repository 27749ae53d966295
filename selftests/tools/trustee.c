// SPDX-License-Identifier: MIT
/*
 * trustee COMMAND ARGUMENT...: makes the documents of a test network, and asks a
 * signer. A key is a name, its seed the name's SHA-256: a test needs no key files.
 *
 *	keyfile NAME FILE
 *	root NETWORK VERSION EPOCH SIGNER...	roles: root r1, membership m1, policy p1,
 *						signing s1; expires in a year
 *	digest FILE				SHA-256 of an envelope's payload
 *	policy NETWORK EPOCH VERSION SIGNER	source on standard input
 *	grant NETWORK KEY USES SECONDS SIGNER	for tag:web, from now on
 *	join NETWORK GRANT SIGNER NAME [WIREGUARD]	GRANT named, SIGNER signs; identity NAME
 *	ask SOCKET HEADER [FILE]		prints the answer's header; blob to descriptor 3
 *	joins SOCKET NETWORK FIRST		a stream of joins until the socket ends: one
 *						line "NAME ADDRESS" for each that was acknowledged
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <sodium.h>

#include "date.h"
#include "dsse.h"
#include "file.h"
#include "grant.h"
#include "join.h"
#include "policy_document.h"
#include "root.h"
#include "strict.h"

static struct ml_error error;

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "trustee: %s: %s\n", what, error.text);
	exit(2);
}

static void need(int r, const char *what)
{
	if (r)
		fail(what);
}

static struct ml_secret_key *key_of(const char *name)
{
	struct ml_secret_key *key;
	uint8_t seed[32];

	crypto_hash_sha256(seed, (const uint8_t *)name, strlen(name));
	need(ml_secret_key_from_seed(seed, &key, &error), "key");
	return key;
}

static struct ml_public_key public_of(const char *name)
{
	struct ml_public_key public;

	ml_secret_key_public(key_of(name), &public);
	return public;
}

static void out(const uint8_t *data, size_t length)
{
	if (fwrite(data, 1, length, stdout) != length || fflush(stdout))
		fail("standard output");
}

/* -------------------------------------------------------------- documents */

static void role_set(struct ml_root *root, enum ml_role role, const char *name)
{
	root->roles[role].keys[0] = public_of(name);
	root->roles[role].count = root->roles[role].threshold = 1;
}

static int make_root(int argc, char **argv)
{
	struct ml_root root = { .version = strtoull(argv[1], NULL, 10),
				.epoch = strtoull(argv[2], NULL, 10),
				.expires = ml_date_now() + 365 * 86400 };
	const struct ml_secret_key *keys[4];
	uint8_t *data, *payload;
	size_t length;
	int count;

	snprintf(root.network, sizeof(root.network), "%s", argv[0]);
	role_set(&root, ML_ROLE_ROOT, "r1");
	role_set(&root, ML_ROLE_MEMBERSHIP, "m1");
	role_set(&root, ML_ROLE_POLICY, "p1");
	role_set(&root, ML_ROLE_SIGNING, "s1");
	need(ml_root_draft(NULL, &root, &data, &length, &error), "root");
	need(ml_dsse_peek(data, length, ML_ROOT_TYPE, &payload, &length, &error), "root");
	for (count = 0; count < argc - 3 && count < 4; count++)
		keys[count] = key_of(argv[3 + count]);
	need(ml_dsse_sign(ML_ROOT_TYPE, payload, length, keys, (size_t)count, &data, &length,
			  &error), "root");
	out(data, length);
	return 0;
}

static int make_digest(int argc, char **argv)
{
	struct ml_root root;
	struct ml_bytes file;
	uint8_t *data;
	char hex[65];

	(void)argc;
	need(ml_file_read(argv[0], 1 << 20, &data, &file.length, &error), argv[0]);
	file.data = data;
	need(ml_root_peek(file, &root, &error), argv[0]);
	puts(sodium_bin2hex(hex, sizeof(hex), root.digest, sizeof(root.digest)));
	return 0;
}

static int make_policy(int argc, char **argv)
{
	struct ml_policy_document document = { .epoch = strtoull(argv[1], NULL, 10),
					       .version = strtoull(argv[2], NULL, 10) };
	const struct ml_secret_key *key = key_of(argv[3]);
	uint8_t *data, *source;
	size_t length;

	(void)argc;
	snprintf(document.network, sizeof(document.network), "%s", argv[0]);
	need(ml_file_read("/dev/stdin", 1 << 20, &source, &document.source_length, &error),
	     "standard input");
	document.source = (char *)source;
	need(ml_policy_document_sign(&document, &key, 1, &data, &length, &error), "policy");
	out(data, length);
	return 0;
}

static struct ml_bytes grant_make(const char *network, const char *one_time, unsigned int uses,
				  int64_t seconds, const char *signer)
{
	struct ml_grant grant = { .key = public_of(one_time), .uses = uses, .tags = { "tag:web" },
				  .tag_count = 1 };
	const struct ml_secret_key *key = key_of(signer);
	struct ml_bytes made;
	uint8_t *data;

	grant.created = ml_date_now() - (seconds < 1 ? 86400 - seconds : 0);
	grant.expires = ml_date_now() + seconds;
	snprintf(grant.network, sizeof(grant.network), "%s", network);
	need(ml_grant_sign(&grant, &key, 1, &data, &made.length, &error), "grant");
	made.data = data;
	return made;
}

static int make_grant(int argc, char **argv)
{
	struct ml_bytes made = grant_make(argv[0], argv[1], (unsigned int)atoi(argv[2]),
					  atoll(argv[3]), argv[4]);

	(void)argc;
	out(made.data, made.length);
	return 0;
}

static struct ml_bytes join_make(const char *network, const char *one_time, const char *name)
{
	struct ml_challenge challenge = { .time = ml_date_now(), .signer = public_of("s1") };
	uint8_t wireguard[32], tls[32] = { 1 };
	const struct ml_join_input input = {
		.challenge = &challenge, .grant = key_of(one_time), .identity = key_of(name),
		.wireguard = wireguard, .name = name, .tls_key = tls, .time = ml_date_now(),
	};
	struct ml_bytes made;
	uint8_t *data;

	snprintf(challenge.network, sizeof(challenge.network), "%s", network);
	randombytes_buf(challenge.nonce, sizeof(challenge.nonce));
	crypto_generichash(wireguard, sizeof(wireguard), (const uint8_t *)name, strlen(name), NULL,
			   0);
	need(ml_join_make(&input, &data, &made.length, &error), "join");
	made.data = data;
	return made;
}

/* Says another thing than was said, and signs that by the same keys. */
static struct ml_bytes join_forge(struct ml_bytes honest, const char *key, const char *value,
				  const char *one_time, const char *name)
{
	const struct ml_secret_key *keys[] = { key_of(one_time), key_of(name) };
	struct ml_bytes made;
	uint8_t *payload, *data;
	size_t length;
	json_t *json;
	char *text;

	need(ml_dsse_peek(honest.data, honest.length, ML_JOIN_TYPE, &payload, &length, &error),
	     "join");
	need(ml_strict_load(payload, length, "join", &json, &error), "join");
	json_object_set_new(json, key, json_string(value));
	text = ml_strict_dump(json, &length);
	need(ml_dsse_sign(ML_JOIN_TYPE, text, length, keys, 2, &data, &made.length, &error), "join");
	made.data = data;
	return made;
}

static int make_join(int argc, char **argv)
{
	struct ml_bytes made = join_make(argv[0], argv[2], argv[3]);
	struct ml_public_key grant = public_of(argv[1]);
	char text[65];

	if (strcmp(argv[1], argv[2]) != 0) {
		ml_public_key_id(&grant, text);
		made = join_forge(made, "grant", text, argv[2], argv[3]);
	}
	if (argc > 4)
		made = join_forge(made, "wireguard", argv[4], argv[2], argv[3]);
	out(made.data, made.length);
	return 0;
}

static int make_keyfile(int argc, char **argv)
{
	(void)argc;
	need(ml_secret_key_write(argv[1], key_of(argv[0]), NULL, &error), argv[1]);
	return 0;
}

/* ----------------------------------------------------------------- asking */

static int reach(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		fprintf(stderr, "trustee: %s: %s\n", path, strerror(errno));
		exit(3);
	}
	return fd;
}

static bool send_all(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length) {
		ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		at += sent;
		length -= (size_t)sent;
	}
	return true;
}

static bool receive_all(int fd, void *data, size_t length)
{
	return !length || recv(fd, data, length, MSG_WAITALL) == (ssize_t)length;
}

/* NULL: the socket ended. */
static json_t *ask(int fd, const char *header, struct ml_bytes blob, struct ml_bytes *ret)
{
	uint32_t header_le = htole32((uint32_t)strlen(header));
	uint64_t blob_le = htole64(blob.length);
	json_t *answer = NULL;
	uint8_t *body;
	char *text;

	if (!send_all(fd, &header_le, 4) || !send_all(fd, &blob_le, 8) ||
	    !send_all(fd, header, strlen(header)) || !send_all(fd, blob.data, blob.length) ||
	    !receive_all(fd, &header_le, 4) || !receive_all(fd, &blob_le, 8))
		return NULL;
	text = malloc(le32toh(header_le) + 1);
	body = malloc(le64toh(blob_le) + 1);
	if (receive_all(fd, text, le32toh(header_le)) && receive_all(fd, body, le64toh(blob_le)))
		need(ml_strict_load(text, le32toh(header_le), "answer", &answer, &error), "answer");
	free(text);
	*ret = (struct ml_bytes){ body, le64toh(blob_le) };
	return answer;
}

static int do_ask(int argc, char **argv)
{
	struct ml_bytes blob = { NULL, 0 }, body = { NULL, 0 };
	bool wanted = fcntl(3, F_GETFD) >= 0;	/* before the socket is that number */
	uint8_t *data;
	json_t *answer;
	size_t length;

	if (argc > 2) {
		need(ml_file_read(argv[2], 128 << 20, &data, &blob.length, &error), argv[2]);
		blob.data = data;
	}
	answer = ask(reach(argv[0]), argv[1], blob, &body);
	if (!answer) {
		fprintf(stderr, "trustee: no answer\n");
		return 3;
	}
	puts(ml_strict_dump(answer, &length));
	if (wanted && write(3, body.data, body.length) != (ssize_t)body.length)
		return 2;
	return json_is_true(json_object_get(answer, "ok")) ? 0 : 1;
}

static int joins_one(int fd, const char *network, const char *name)
{
	struct ml_bytes grant, join, body;
	char one_time[64];
	json_t *answer;

	snprintf(one_time, sizeof(one_time), "otk-%s", name);
	grant = grant_make(network, one_time, 1, 3600, "m1");
	join = join_make(network, one_time, name);
	answer = ask(fd, "{\"kind\":\"grant\",\"request\":\"submit\"}", grant, &body);
	if (answer)
		answer = ask(fd, "{\"kind\":\"join\",\"request\":\"submit\"}", join, &body);
	if (!answer)
		return 3;
	if (!json_is_true(json_object_get(answer, "ok"))) {
		fprintf(stderr, "trustee: %s\n", json_string_value(json_object_get(answer, "error")));
		return 1;
	}
	printf("%s %s\n", name, json_string_value(json_array_get(
					json_object_get(answer, "addresses"), 0)));
	fflush(stdout);
	return 0;
}

static int do_joins(int argc, char **argv)
{
	int fd = reach(argv[0]), r = 0;
	char name[32];

	(void)argc;
	for (int i = 0; !r && i < 100000; i++) {
		snprintf(name, sizeof(name), "%s-%d", argv[2], i);
		r = joins_one(fd, argv[1], name);
	}
	return r;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int least;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "keyfile", 2, make_keyfile }, { "root", 4, make_root }, { "digest", 1, make_digest },
		{ "policy", 4, make_policy }, { "grant", 5, make_grant }, { "join", 4, make_join },
		{ "ask", 2, do_ask }, { "joins", 3, do_joins },
	};

	need(ml_keys_setup(&error), "keys");
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, argv[1]) && argc - 2 >= commands[i].least)
			return commands[i].run(argc - 2, argv + 2);
	fprintf(stderr, "usage: see the head of selftests/tools/trustee.c\n");
	return 2;
}
