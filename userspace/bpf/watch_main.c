// SPDX-License-Identifier: MIT
/* merlon-watch: see man/merlon-watch.8. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "pins.h"
#include "watch.h"
#include "watch_attach.h"

enum { YES, NO, FAILED };	/* as every program's exit status */

static const char usage[] =
	"usage: merlon-watch attach [--cgroup PATH]\n"
	"       merlon-watch detach\n"
	"       merlon-watch status [--json]\n\n"
	"Notes who sends what the policy denies, for merlon leaks, and refuses such calls.\n\n"
	"  --cgroup PATH  whose calls are watched, with all below (all)\n"
	"  --json         answer in JSON\n"
	"  -h, --help     show this, and end\n"
	"      --version\n\n"
	"Exit status: 0 yes, 1 no, 2 usage or failure.\n";

struct request {
	const char *cgroup;
	bool json;
};

static int complain(const struct ml_error *error)
{
	fprintf(stderr, "merlon-watch: %s\n", error->text);
	return FAILED;
}

static int attach(const struct request *request)
{
	const char *cgroup = request->cgroup ? request->cgroup : ml_watch_cgroups();
	struct ml_error error;

	if (!*cgroup) {
		ml_error_set(&error, -ENOENT, "there is no unified hierarchy of control groups at "
			     "/sys/fs/cgroup (with 'ip netns exec' there is not; 'nsenter --net=' "
			     "leaves it)");
		return complain(&error);
	}
	if (pins_lock(ML_WATCH_ROOT, &error))
		return complain(&error);
	if (!watch_attach(cgroup, &error))
		return YES;
	rmdir(ML_WATCH_ROOT);	/* where nothing stands */
	return complain(&error);
}

static int detach(const struct request *request)
{
	struct ml_error error;
	int code;

	(void)request;
	if (pins_lock(ML_WATCH_ROOT, &error))
		return complain(&error);
	code = watch_detach(&error);
	if (!code)
		return YES;
	rmdir(ML_WATCH_ROOT);
	complain(&error);
	return code == -ENOENT ? NO : FAILED;
}

static void say(struct ml_output *output, const struct ml_watch *watch)
{
	const char *lacks[ML_WATCH_LACKS];
	size_t count = ml_watch_lacks(watch, lacks);

	ml_output_field(output, "attached", json_boolean(watch->attached), "watch",
			watch->attached ? ML_GOOD : ML_WARN, "%s",
			watch->attached ? "attached" : "not attached");
	ml_output_value(output, "refusesCalls", json_boolean(watch->settings.refuses));
	ml_output_value(output, "refusesAfXdp", json_boolean(watch->settings.holds_xdp));
	ml_output_list(output, "lacks");
	for (size_t i = 0; i < count; i++) {
		ml_output_field(output, NULL, NULL, "lacks", ML_WARN, "%s", lacks[i]);
		ml_output_value(output, NULL, json_string(lacks[i]));
	}
	ml_output_end(output);
}

static int status(const struct request *request)
{
	struct ml_output *output;
	struct ml_watch watch;
	struct ml_error error;

	if (ml_watch_get(&watch, &error))
		return complain(&error);
	output = ml_output_open(stdout, request->json);
	if (!output)
		return FAILED;
	say(output, &watch);
	if (ml_output_close(output))
		return FAILED;
	return watch.attached ? YES : NO;
}

/* Ends the program where help or the version was wanted. */
static void read_options(struct request *request, int argc, char **argv)
{
	static const struct option options[] = {
		{ "cgroup", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (letter) {
		case 'c':
			request->cgroup = optarg;
			break;
		case 'j':
			request->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(YES);
		case 'V':
			puts("merlon-watch " MERLON_VERSION);
			exit(YES);
		default:
			exit(FAILED);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct request *request);
	} commands[] = { { "attach", attach }, { "detach", detach }, { "status", status } };
	struct request request = { 0 };

	read_options(&request, argc, argv);
	for (size_t i = 0; optind == argc - 1 && i < 3; i++)
		if (!strcmp(argv[optind], commands[i].name))
			return commands[i].run(&request);
	fputs(usage, stderr);
	return FAILED;
}
