// SPDX-License-Identifier: MIT
/*
 * wgflood DEVICE FIELD=VALUE...
 *
 *   src=ADDRESS dst=ADDRESS dport=N	as sendpkt has them (fields.h), with the rest
 *   key=KEY		whose handshake initiations: the public key of who is sent
 *			to, as "wg show" prints it. Such a message passes WireGuard's
 *			first check; what is in it is random
 *   type=N bytes=N	or else a message of this first word (1) and length
 *   sources=N step=B	source numbers 0 to N-1 are added to src at bit B from its
 *			end; default 1 source
 *   count=N		so many messages, or until SIGTERM: default 1
 *   rate=N		a second; default: as fast as it goes
 *   and			sends, and goes on with what the fields behind it change
 *
 * Sends UDP by a packet socket out of DEVICE and prints how many. For floods
 * between namespaces of one guest.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <signal.h>
#include <sodium.h>
#include <time.h>

#include "fields.h"
#include "sender.h"

#define INITIATION	148
#define MAC1		116	/* where it stands */
#define MOST		1000000u

static struct {
	const char *key;
	uint32_t type, bytes, sources, step, count, rate;
} flood = { .type = 1, .sources = 1, .count = 1 };

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "wgflood: %s\n", what);
	exit(2);
}

/* ---------------------------------------------------------------- message */

static void hash(const uint8_t key[static 32], uint8_t ret[static 32])
{
	uint8_t bytes[8 + 32] = "mac1----";

	memcpy(bytes + 8, key, 32);
	check(EVP_Digest(bytes, sizeof(bytes), ret, NULL, EVP_blake2s256(), NULL), "BLAKE2s");
}

/* mac1 proves that the sender knows the receiver's public key, and no more. */
static void sign(uint8_t message[static INITIATION])
{
	size_t size = 16, length;
	uint8_t key[32], secret[32];
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_END,
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
	EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);

	check(!sodium_base642bin(key, sizeof(key), flood.key, strlen(flood.key), NULL, &length,
				 NULL, sodium_base64_VARIANT_ORIGINAL) && length == 32,
	      "that is no key");
	hash(key, secret);
	check(EVP_MAC_init(context, secret, sizeof(secret), parameters) &&
	      EVP_MAC_update(context, message, MAC1) &&
	      EVP_MAC_final(context, message + MAC1, &length, size), "BLAKE2s MAC");
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(mac);
}

static void write_message(struct craft *craft)
{
	static uint8_t message[2048];
	uint32_t length = flood.key ? INITIATION : flood.bytes;

	check(length <= sizeof(message), "that is too long");
	randombytes_buf(message, sizeof(message));
	for (int i = 0; i < 4; i++)
		message[i] = (uint8_t)(flood.type >> 8 * i);
	if (flood.key) {
		memset(message + MAC1 + 16, 0, 16);
		sign(message);
	}
	craft->data = message;
	craft->data_length = length;
}

/* ---------------------------------------------------------------- sending */

/* @base with source number @number at bit @step from the end of its @length bytes. */
static void number_source(const uint8_t *base, size_t length, uint32_t number, uint8_t *ret)
{
	size_t at = length - 1 - flood.step / 8;
	uint64_t rest = (uint64_t)number << flood.step % 8;

	memcpy(ret, base, length);
	for (; rest; at--) {
		rest += ret[at];
		ret[at] = (uint8_t)rest;
		rest >>= 8;
		check(at || !rest, "so many sources do not fit");
	}
}

static void pace(const struct timespec *begin, uint32_t sent)
{
	struct timespec due = *begin;
	uint64_t ns;

	if (!flood.rate)
		return;
	ns = (uint64_t)due.tv_nsec + (uint64_t)sent * 1000000000 / flood.rate;
	due.tv_sec += (time_t)(ns / 1000000000);
	due.tv_nsec = (long)(ns % 1000000000);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

/* A veth whose other end has XDP has a short queue, and says when it is full. */
static void send_one(const struct sender *sender, const struct craft *craft)
{
	static const struct timespec moment = { .tv_nsec = 100000 };
	static uint8_t bytes[CRAFT_ROOM];
	size_t length = craft_build(craft, bytes);

	while (sender_send(sender, craft, bytes, length) < 0) {
		sender_check(errno == ENOBUFS, "send");
		clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
	}
}

/* Returns how many. */
static uint32_t send_all(const struct sender *sender, const struct craft *model)
{
	size_t length = model->family == AF_INET ? 4 : 16;
	struct craft craft = *model;
	struct timespec begin;
	uint32_t i;

	check(flood.count <= MOST && flood.sources && flood.step < 8 * length, "out of bounds");
	write_message(&craft);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (i = 0; i < flood.count && !stopped; i++) {
		number_source(model->source, length, i % flood.sources, craft.source);
		send_one(sender, &craft);
		pace(&begin, i + 1);
	}
	return i;
}

/* -------------------------------------------------------------- arguments */

static bool set_own(const char *word)
{
	static const struct {
		const char *name;
		uint32_t *number;
	} numbers[] = {
		{ "type=", &flood.type }, { "bytes=", &flood.bytes },
		{ "sources=", &flood.sources }, { "step=", &flood.step },
		{ "count=", &flood.count }, { "rate=", &flood.rate },
	};

	if (!strncmp(word, "key=", 4)) {
		flood.key = word + 4;
		return true;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		if (strncmp(word, numbers[i].name, strlen(numbers[i].name)))
			continue;
		*numbers[i].number = (uint32_t)strtoul(word + strlen(numbers[i].name), NULL, 0);
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop };
	struct sender sender;
	struct craft craft;
	uint32_t sent = 0;

	check(argc > 2 && sodium_init() >= 0, "too little");
	craft_init(&craft);
	craft.protocol = IPPROTO_UDP;
	craft.source_port = 51820;
	sigaction(SIGTERM, &action, NULL);
	sender_open(&sender, false, argv[1]);
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "and"))
			sent += send_all(&sender, &craft);
		else if (!set_own(argv[i]))
			fields_set(&craft, argv[i]);
	}
	sent += send_all(&sender, &craft);
	printf("%u\n", sent);
	return 0;
}
