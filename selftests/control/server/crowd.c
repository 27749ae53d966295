// SPDX-License-Identifier: MIT
/*
 * crowd COMMAND ARGUMENT...: many machines at once, each from an address of its own.
 * Where one asks whose server is gone, it goes on with the next URL: with the very same
 * join first, and where that is refused, because its nonce was another process's, once
 * more by a new challenge.
 *
 *	race COUNT DIR [URL...]		COUNT machines by one key, which is read from standard
 *				input. All are connected and have their challenges; then "go" is
 *				printed, and all send their joins at once; "some": a tenth have their
 *				answers. In the end: how many of each status, "STATUS COUNT", and
 *				"cut COUNT": joins that had no answer at first. DIR/NAME: of those
 *				that are in, whose names begin with DIR's
 *	stream COUNT DIR URL...		COUNT machines at a time join, and then others, until SIGTERM
 *				comes or the keys are used: the lines of standard input, of 25 uses
 *				each. "NAME STATUS" for each that has an answer
 *	fetch DIR URL			each machine of DIR asks for its leaf: "NAME STATUS", or "NAME
 *				stranger" where it is given another node's
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "machine.h"

#define PATIENCE	180	/* seconds, for an answer to be had */
#define OLD		60	/* seconds: a nonce may be over soon */
#define AGAIN		100000	/* microseconds */
#define USES		25
#define HANDSHAKES	8	/* at once, while they connect: those are not what is raced */

static char **urls;
static int url_count;
static struct ml_root root;
static char *root_text;
static const char *directory;
static atomic_int cuts;		/* joins that nobody answered */
static atomic_int answered;

struct runner {
	pthread_t thread;
	int index;
	const struct ml_key_string *key;
	const char *url;
	char name[64];
	struct machine machine;
	struct ml_challenge challenge;
	struct reply reply;
	char *body;
	time_t challenged;
	CURL *curl;
};

/* ------------------------------------------------------------------- joining */

static void url_next(struct runner *runner)
{
	int i = 0;

	while (urls[i] != runner->url)
		i++;
	runner->url = urls[(i + 1) % url_count];
}

/* Its answer is one that stays: not of a server that is gone, or has no time. */
static bool is_answered(const struct reply *reply)
{
	return !reply->error && reply->status != 503 && reply->status != 408;
}

static bool prepare(struct runner *runner)
{
	if (!challenge_try(runner->curl, runner->url, &root, &runner->challenge))
		return false;
	runner->challenged = time(NULL);
	free(runner->body);
	runner->body = join_body(runner->key, &runner->machine, &runner->challenge);
	return true;
}

static void join(struct runner *runner)
{
	time_t end = time(NULL) + PATIENCE;
	bool moved = false;

	while (time(NULL) < end) {
		ask(runner->curl, runner->url, "/v1/join", runner->body, &runner->reply);
		if (is_answered(&runner->reply)) {
			moved = moved || time(NULL) > runner->challenged + OLD;
			if (runner->reply.status != 403 || !moved)
				return;
			moved = !prepare(runner);
			continue;
		}
		moved = true;
		if (runner->reply.error) {
			atomic_fetch_add(&cuts, 1);
			url_next(runner);
		}
		usleep(AGAIN);
	}
}

static void keep(struct runner *runner)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", directory, runner->name);
	mkdir(path, 0700);
	certificate_keep(&runner->reply, &runner->machine, path);
	file_write(path, "root.json", root_text);
	file_write(path, "url", runner->url);
	file_write(path, "join.json", runner->body);
}

static void runner_make(struct runner *runner, int number)
{
	char source[32];

	snprintf(source, sizeof(source), "127.1.%d.%d", runner->index / 200,
		 1 + runner->index % 200);
	snprintf(runner->name, sizeof(runner->name), "%s-%d", basename(directory), number);
	machine_make(runner->name, &runner->machine);
	runner->url = urls[runner->index % url_count];
	if (!runner->curl)
		runner->curl = curl_of(source, NULL);
}

/* The key's own URL, where there is no other. */
static void network_read(struct ml_key_string *key)
{
	static char *own[1];

	if (!url_count) {
		own[0] = key->url;
		urls = own;
		url_count = 1;
	}
	root_text = root_get(key, curl_of("-", NULL), urls[0], &root);
}

/* ------------------------------------------------------------------- the race */

static pthread_barrier_t go;

static int tenth;

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

static void *racer_main(void *arg)
{
	struct runner *runner = arg;

	need(prepare(runner), runner->name);
	pthread_barrier_wait(&go);
	join(runner);
	if (atomic_fetch_add(&answered, 1) + 1 == tenth)
		say("some");
	return NULL;
}

/* Their handshakes are over: what follows goes over these connections. */
static void *connect_main(void *arg)
{
	struct runner *runner = arg;
	time_t end = time(NULL) + PATIENCE;
	struct reply reply;

	runner_make(runner, runner->index);
	do {
		ask(runner->curl, runner->url, "/v1/health", NULL, &reply);
		free(reply.body);
	} while (!is_answered(&reply) && time(NULL) < end);
	need(reply.status == 200, runner->name);
	return NULL;
}

static void connect_all(struct runner *runners, int count)
{
	for (int i = 0; i < count; i += HANDSHAKES) {
		int some = count - i < HANDSHAKES ? count - i : HANDSHAKES;

		for (int k = 0; k < some; k++)
			need(!pthread_create(&runners[i + k].thread, NULL, connect_main,
					     &runners[i + k]), "thread");
		for (int k = 0; k < some; k++)
			pthread_join(runners[i + k].thread, NULL);
	}
}

static void race_tell(struct runner *runners, int count)
{
	int statuses[600] = { 0 };

	for (int i = 0; i < count; i++) {
		statuses[runners[i].reply.status]++;
		if (runners[i].reply.error)
			fprintf(stderr, "crowd: %s: %s\n", runners[i].name, runners[i].reply.error);
		if (runners[i].reply.status == 200)
			keep(&runners[i]);
	}
	for (int i = 0; i < 600; i++)
		if (statuses[i])
			printf("%d %d\n", i, statuses[i]);
	if (cuts)
		printf("cut %d\n", cuts);
}

static int run_race(int count)
{
	struct runner *runners = calloc((size_t)count, sizeof(*runners));
	struct ml_key_string *key = key_string_read();

	network_read(key);
	for (int i = 0; i < count; i++)
		runners[i] = (struct runner){ .index = i, .key = key };
	connect_all(runners, count);
	tenth = (count + 9) / 10;
	pthread_barrier_init(&go, NULL, (unsigned int)count + 1);
	for (int i = 0; i < count; i++)
		need(!pthread_create(&runners[i].thread, NULL, racer_main, &runners[i]), "thread");
	pthread_barrier_wait(&go);
	say("go");
	for (int i = 0; i < count; i++)
		pthread_join(runners[i].thread, NULL);
	race_tell(runners, count);
	return 0;
}

/* ----------------------------------------------------------------- the stream */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* of the next two */
static struct ml_key_string *keys[512];
static int key_count, taken;
static atomic_bool stop;

static void on_term(int number)
{
	(void)number;
	atomic_store(&stop, true);
}

/* The number of the next machine, and its key. -1: they are used. */
static int turn_take(struct runner *runner)
{
	int number = -1;

	pthread_mutex_lock(&lock);
	if (taken < USES * key_count) {
		number = taken++;
		runner->key = keys[number / USES];
	}
	pthread_mutex_unlock(&lock);
	return number;
}

static void *stream_main(void *arg)
{
	struct runner *runner = arg;
	int number;

	while (!atomic_load(&stop) && (number = turn_take(runner)) >= 0) {
		runner_make(runner, number);
		while (!prepare(runner) && !atomic_load(&stop))
			usleep(AGAIN);
		join(runner);
		if (runner->reply.status == 200)
			keep(runner);
		printf("%s %ld\n", runner->name, runner->reply.status);
		fflush(stdout);
		usleep(AGAIN);
	}
	return NULL;
}

static void keys_read(void)
{
	char line[ML_KEY_STRING_TEXT];

	while (key_count < 512 && fgets(line, sizeof(line), stdin))
		need(!ml_key_string_parse(line, strlen(line), &keys[key_count++], &failure), line);
	need(key_count, "keys");
}

static int run_stream(int count)
{
	struct runner *runners = calloc((size_t)count, sizeof(*runners));

	keys_read();
	network_read(keys[0]);
	signal(SIGTERM, on_term);
	for (int i = 0; i < count; i++) {
		runners[i].index = i;
		need(!pthread_create(&runners[i].thread, NULL, stream_main, &runners[i]), "thread");
	}
	for (int i = 0; i < count; i++)
		pthread_join(runners[i].thread, NULL);
	return 0;
}

/* -------------------------------------------------------------------- fetching */

/* Is the leaf in @reply that of @name? */
static bool is_own(const struct reply *reply, const char *name)
{
	json_t *json = json_of(reply, name), *leaf;
	const char *text = json_string_value(json_object_get(json, "leaf"));
	size_t length, size = strlen(text);
	char *data = malloc(size);
	bool own;

	need(!sodium_base642bin((unsigned char *)data, size, text, size, NULL, &length, NULL,
				sodium_base64_VARIANT_ORIGINAL), "leaf");
	leaf = json_loadb(data, length, 0, NULL);
	own = !strcmp(json_string_value(json_object_get(leaf, "node")), name);
	json_decref(leaf);
	json_decref(json);
	free(data);
	return own;
}

static void fetch(const char *name, const char *url)
{
	char path[1024];
	struct reply reply;
	CURL *curl;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	curl = curl_of("-", path);
	ask(curl, url, "/v1/generation?epoch=0&serial=0&wait=20", NULL, &reply);
	if (reply.status == 200 && !is_own(&reply, name))
		printf("%s stranger\n", name);
	else
		printf("%s %ld\n", name, reply.status);
	free(reply.body);
	curl_easy_cleanup(curl);
}

static int run_fetch(const char *url)
{
	DIR *all = opendir(directory);
	const struct dirent *one;

	need(all, directory);
	while ((one = readdir(all)))
		if (one->d_name[0] != '.')
			fetch(one->d_name, url);
	closedir(all);
	return 0;
}

int main(int argc, char **argv)
{
	need(!ml_keys_setup(&failure), "libraries");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (argc > 3) {
		directory = argv[strcmp(argv[1], "fetch") ? 3 : 2];
		mkdir(directory, 0700);
		urls = argv + 4;
		url_count = argc - 4;
	}
	if (argc > 3 && !strcmp(argv[1], "race"))
		return run_race(atoi(argv[2]));
	if (argc > 4 && !strcmp(argv[1], "stream"))
		return run_stream(atoi(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "fetch"))
		return run_fetch(argv[3]);
	fputs("crowd: which command? See the top of crowd.c\n", stderr);
	return 2;
}
