// SPDX-License-Identifier: MIT
/*
 * mkaudit DIRECTORY [NAME=VALUE]...: an audit log, made by the server's own code.
 *
 *   count=4        entries to append, a minute after each other from 2026 on
 *   cosign=0       1: have it cosigned, by DIRECTORY.seen
 *   twist=0        1: the first entry is another than it would be
 *   days=0         more days later
 *
 * Prints the public keys of log and cosigner.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../userspace/control/audit.h"
#include "../../userspace/control/audit_log.h"

static long long count = 4, cosign, twist, days;
static struct ml_error error;

static void need(int code)
{
	if (!code)
		return;
	fprintf(stderr, "mkaudit: %s\n", error.text);
	exit(2);
}

static struct ml_secret_key *key(uint8_t number, const char *name, enum ml_note_type type,
				 struct ml_note_key *ret)
{
	const uint8_t seed[32] = { number };
	struct ml_public_key public;
	struct ml_secret_key *secret;
	char text[ML_NOTE_KEY_TEXT];

	need(ml_secret_key_from_seed(seed, &secret, &error));
	ml_secret_key_public(secret, &public);
	need(ml_note_key_init(name, type, &public, ret, &error));
	ml_note_key_format(ret, text);
	puts(text);
	return secret;
}

/* One of each kind, and one that a stranger fills with what he likes. */
static void fill(uint64_t index, struct audit_event *event)
{
	static const struct sockaddr_in stranger = {
		.sin_family = AF_INET, .sin_addr.s_addr = 0x076433c6,	/* 198.51.100.7 */
	};

	*event = (struct audit_event){
		.time = (INT64_C(1767225600) + days * 86400 + (int64_t)index * 60) * 1000000,
		.actor = "admin:anna",
	};
	switch (index % 4) {
	case 0:
		event->type = AUDIT_SERVER_START;
		event->actor = twist ? "uid:1" : "uid:0";
		break;
	case 1:
		event->type = AUDIT_AUTH_FAILURE;
		event->actor = "";
		event->source = (const struct sockaddr *)&stranger;
		event->endpoint = "POST /v1/login?token=canary-in-a-query";
		event->user_agent = "evil\r\n{\"level\":\"AUDIT\"}\x1b[31m\xff\xe2\x80\xae gpj.exe";
		event->reason = audit_reason_name(AUDIT_REASON_BAD_PASSWORD);
		break;
	case 2:
		event->type = AUDIT_AUTH_SUCCESS;
		event->details.method = "totp";
		break;
	default:
		event->type = AUDIT_NODE_ENROL;
		event->details.node = "gamma";
	}
}

static void append(struct audit_log *log)
{
	const struct audit_form form = { 0 };
	struct audit_event event;
	struct ml_bytes leaf;
	uint8_t *data;

	while (count--) {
		fill(audit_log_size(log), &event);
		need(audit_leaf(&form, &event, &data, &leaf.length, &error));
		leaf.data = data;
		need(audit_sequence(log, audit_log_size(log), &leaf, 1, &error));
		free(data);
	}
}

static void have_cosigned(struct audit_log *log, const char *directory,
			  const struct ml_note_key *log_key, const struct ml_note_key *signer,
			  const struct ml_secret_key *secret)
{
	struct ml_cosigned seen;
	char path[4096], *request, *line;

	snprintf(path, sizeof(path), "%s.seen", directory);
	if (access(path, F_OK))
		need(audit_cosign_init(path, log_key, &error));
	need(audit_cosign_seen(path, log_key, &seen, &error));
	need(audit_log_request(log, seen.size, &request, &error));
	need(audit_cosign(path, log_key, signer, secret,
			  (struct ml_bytes){ (uint8_t *)request, strlen(request) }, 1767225600,
			  &line, &error));
	need(audit_log_cosigned(log, signer, line, &error));
	free(request);
	free(line);
}

static void take_wish(const char *text)
{
	if (sscanf(text, "count=%lld", &count) != 1 && sscanf(text, "cosign=%lld", &cosign) != 1 &&
	    sscanf(text, "twist=%lld", &twist) != 1 && sscanf(text, "days=%lld", &days) != 1) {
		fprintf(stderr, "mkaudit: '%s' is no wish\n", text);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct ml_secret_key *log_secret, *signer_secret;
	struct ml_note_key log_key, signer_key;
	struct audit_log *log;
	int i;

	if (argc < 2)
		return 2;
	for (i = 2; i < argc; i++)
		take_wish(argv[i]);
	need(ml_keys_setup(&error));
	log_secret = key(1, "merlon.example.net/audit", ML_NOTE_ED25519, &log_key);
	signer_secret = key(2, "merlon.example.net/signer", ML_NOTE_COSIGNATURE, &signer_key);
	mkdir(argv[1], 0700);
	need(audit_log_open(argv[1], &log_key, log_secret, &log, NULL, &error));
	append(log);
	if (cosign)
		have_cosigned(log, argv[1], &log_key, &signer_key, signer_secret);
	audit_log_close(log);
	ml_secret_key_free(log_secret);
	ml_secret_key_free(signer_secret);
	return 0;
}
