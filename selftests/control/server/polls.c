// SPDX-License-Identifier: MIT
/*
 * polls DIR URL COUNT: COUNT machines of DIR (of `crowd stream`) at once, each by a
 * connection of its own with its own certificate, and from one of 250 addresses: each
 * asks for a generation, and for the next one as soon as it has one, until SIGTERM.
 *
 *	NAME EPOCH.SERIAL TIME	that machine has this generation (Unix, ms)
 *	NAME STATUS		it was refused, and asks no more
 *	connected COUNT		all have had one, and wait for the next
 */
#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "machine.h"

#define THREADS		8
#define ADDRESSES	250
#define HANDSHAKES	16	/* of a thread at once, while they connect */
#define WAIT_MS		1000

struct poller {
	CURL *curl;
	char name[256], source[32], directory[1200], url[1200];
	struct reply reply;
	uint64_t epoch, serial;
	bool first_over;
};

static struct poller *pollers;
static const char *base;
static int count;
static atomic_int over;		/* that have had their first */
static atomic_bool stop;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

static void on_term(int number)
{
	(void)number;
	atomic_store(&stop, true);
}

/* ------------------------------------------------------------------- answers */

/* The JSON that is base64 in @json's @key. */
static json_t *inner(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));
	size_t size = text ? strlen(text) : 0, length;
	char *data = malloc(size + 1);
	json_t *ret;

	need(text && !sodium_base642bin((unsigned char *)data, size, text, size, NULL, &length,
					NULL, sodium_base64_VARIANT_ORIGINAL), key);
	ret = json_loadb(data, length, 0, NULL);
	free(data);
	need(ret, key);
	return ret;
}

static void generation_read(struct poller *poller)
{
	json_t *json = json_of(&poller->reply, poller->name), *envelope = inner(json, "envelope");
	json_t *payload = inner(envelope, "payload");

	poller->epoch = (uint64_t)json_integer_value(json_object_get(payload, "epoch"));
	poller->serial = (uint64_t)json_integer_value(json_object_get(payload, "serial"));
	json_decref(payload);
	json_decref(envelope);
	json_decref(json);
	printf("%s %" PRIu64 ".%" PRIu64 " %" PRId64 "\n", poller->name, poller->epoch,
	       poller->serial, now_ms());
}

static void reply_forget(struct poller *poller)
{
	free(poller->reply.body);
	memset(&poller->reply, 0, sizeof(poller->reply));
}

static void ask_next(CURLM *multi, struct poller *poller)
{
	snprintf(poller->url, sizeof(poller->url),
		 "%s/v1/generation?epoch=%" PRIu64 "&serial=%" PRIu64 "&wait=55", base,
		 poller->epoch, poller->serial);
	curl_easy_setopt(poller->curl, CURLOPT_URL, poller->url);
	curl_easy_setopt(poller->curl, CURLOPT_WRITEDATA, &poller->reply);
	curl_multi_add_handle(multi, poller->curl);
}

/* True: it had its first one. */
static bool answered(CURLM *multi, const CURLMsg *message)
{
	struct poller *poller;
	bool first;

	curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &poller);
	curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &poller->reply.status);
	if (message->data.result != CURLE_OK)
		poller->reply.status = -(long)message->data.result;
	curl_multi_remove_handle(multi, poller->curl);
	if (poller->reply.status == 200)
		generation_read(poller);
	else if (poller->reply.status != 204)
		printf("%s %ld\n", poller->name, poller->reply.status);
	first = !poller->first_over;
	poller->first_over = true;
	if (poller->reply.status == 200 || poller->reply.status == 204)
		ask_next(multi, poller);
	reply_forget(poller);
	return first;
}

/* ------------------------------------------------------------------- threads */

static int start_some(CURLM *multi, int from, int some)
{
	for (; from < count && some > 0; from += THREADS, some--) {
		struct poller *poller = &pollers[from];

		poller->curl = curl_of(poller->source, poller->directory);
		curl_easy_setopt(poller->curl, CURLOPT_PRIVATE, poller);
		ask_next(multi, poller);
	}
	return from;
}

static void *thread_main(void *arg)
{
	CURLM *multi = curl_multi_init();
	int next = start_some(multi, *(int *)arg, HANDSHAKES), running, left;
	CURLMsg *message;

	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)count);
	/* One connection for each: what libcurl would put onto another's is not wanted. */
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	while (!atomic_load(&stop)) {
		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &left))) {
			if (message->msg != CURLMSG_DONE || !answered(multi, message))
				continue;
			next = start_some(multi, next, 1);
			if (atomic_fetch_add(&over, 1) + 1 == count)
				printf("connected %d\n", count);
		}
		fflush(stdout);
		curl_multi_poll(multi, NULL, 0, WAIT_MS, NULL);
	}
	return NULL;
}

static void machines_read(const char *path, int wanted)
{
	DIR *all = opendir(path);
	const struct dirent *one;

	need(all, path);
	pollers = calloc((size_t)wanted, sizeof(*pollers));
	while (count < wanted && (one = readdir(all))) {
		struct poller *poller = &pollers[count];

		if (one->d_name[0] == '.')
			continue;
		snprintf(poller->name, sizeof(poller->name), "%s", one->d_name);
		snprintf(poller->directory, sizeof(poller->directory), "%s/%s", path, one->d_name);
		snprintf(poller->source, sizeof(poller->source), "127.2.%d.1", count % ADDRESSES);
		count++;
	}
	closedir(all);
	need(count == wanted, "machines");
}

int main(int argc, char **argv)
{
	static int numbers[THREADS];
	pthread_t threads[THREADS];

	if (argc != 4) {
		fputs("usage: polls DIR URL COUNT\n", stderr);
		return 2;
	}
	need(!ml_keys_setup(&failure), "libraries");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	signal(SIGTERM, on_term);
	base = argv[2];
	machines_read(argv[1], atoi(argv[3]));
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		need(!pthread_create(&threads[i], NULL, thread_main, &numbers[i]), "thread");
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
