// SPDX-License-Identifier: MIT
/* merlon-shield: see man/merlon-shield.8. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "shield_attach.h"
#include "shield_place.h"
#include "shield_status.h"

enum { YES, NO, FAILED };	/* as every program's exit status */

static const char usage[] =
	"usage: merlon-shield attach DEVICE --port N [options]\n"
	"       merlon-shield detach DEVICE\n"
	"       merlon-shield status [DEVICE] [--json]\n\n"
	"Drops what floods a WireGuard port, by XDP, before the stack sees it.\n\n"
	"  --port N           the UDP port that WireGuard listens on\n"
	"  --address ADDRESS  only what goes there; once for each family\n"
	"  --rate N           handshake messages a second of a source (20)\n"
	"  --burst N          as many at once (100)\n"
	"  --new N            of all sources never seen before, a second (500)\n"
	"  --sources N        that are remembered (65536; about 100 bytes each)\n"
	"  --json             answer in JSON\n"
	"  -h, --help         show this, and end\n"
	"      --version\n\n"
	"A source is an IPv4 /24 or an IPv6 /64. Exit status: 0 yes, 1 no, 2 failure.\n";

struct request {
	struct shield_settings settings;
	const char *device;
	bool json, has_options;
};

static int complain(const struct ml_error *error)
{
	fprintf(stderr, "merlon-shield: %s\n", error->text);
	return FAILED;
}

/* ---------------------------------------------------------------- options */

static int read_number(const char *option, const char *text, unsigned long most, uint32_t *ret,
		       struct ml_error *error)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || !number || number > most)
		return ml_error_set(error, -EINVAL, "--%s '%s' is no number from 1 to %lu", option,
				    text, most);
	*ret = (uint32_t)number;
	return 0;
}

static int read_address(struct shield_settings *settings, const char *text,
			struct ml_error *error)
{
	bool is6 = strchr(text, ':');

	if (inet_pton(is6 ? AF_INET6 : AF_INET, text,
		      is6 ? (void *)settings->address6 : &settings->address4) != 1)
		return ml_error_set(error, -EINVAL, "--address '%s' is no address", text);
	if (is6 ? settings->only6 : settings->only4)
		return ml_error_set(error, -EINVAL, "--address: one of each family, at most");
	if (is6)
		settings->only6 = 1;
	else
		settings->only4 = 1;
	return 0;
}

static int read_option(struct request *request, const char *name, struct ml_error *error)
{
	struct shield_settings *settings = &request->settings;
	uint32_t port;
	int code;

	request->has_options = true;
	if (!strcmp(name, "address"))
		return read_address(settings, optarg, error);
	if (!strcmp(name, "rate"))
		return read_number(name, optarg, 100000, &settings->rate, error);
	if (!strcmp(name, "burst"))
		return read_number(name, optarg, 100000, &settings->burst, error);
	if (!strcmp(name, "new"))
		return read_number(name, optarg, 1000000, &settings->new_rate, error);
	if (!strcmp(name, "sources"))
		return read_number(name, optarg, 1 << 24, &settings->sources, error);
	code = read_number(name, optarg, 65535, &port, error);
	if (!code)
		settings->port = htons((uint16_t)port);
	return code;
}

/* Ends the program where help or the version was wanted. */
static int read_options(struct request *request, int argc, char **argv, struct ml_error *error)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'o' },
		{ "address", required_argument, NULL, 'o' },
		{ "rate", required_argument, NULL, 'o' },
		{ "burst", required_argument, NULL, 'o' },
		{ "new", required_argument, NULL, 'o' },
		{ "sources", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int letter, index, code = 0;

	while (!code && (letter = getopt_long(argc, argv, "h", options, &index)) != -1) {
		switch (letter) {
		case 'o':
			code = read_option(request, options[index].name, error);
			break;
		case 'j':
			request->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(YES);
		case 'V':
			puts("merlon-shield " MERLON_VERSION);
			exit(YES);
		default:
			exit(FAILED);
		}
	}
	return code;
}

/* --------------------------------------------------------------- commands */

static int attach(struct request *request)
{
	struct shield_place place;
	struct ml_error error;

	if (!request->device || !request->settings.port) {
		ml_error_set(&error, -EINVAL, "attach wants a device and --port");
		return complain(&error);
	}
	if (shield_lock(&error) || shield_find(request->device, &place, &error) ||
	    shield_attach(&place, &request->settings, &error))
		return complain(&error);
	return YES;
}

static int detach(struct request *request)
{
	struct shield_place place;
	struct ml_error error;
	int code;

	if (!request->device || request->has_options) {
		ml_error_set(&error, -EINVAL, "detach wants a device, and nothing else");
		return complain(&error);
	}
	if (shield_lock(&error) || shield_find(request->device, &place, &error))
		return complain(&error);
	code = shield_detach(&place, &error);
	if (!code)
		return YES;
	complain(&error);
	return code == -ENOENT ? NO : FAILED;
}

struct listing {
	struct ml_output *output;
	const char *device;	/* NULL: all */
	bool found;
};

static int list(const struct shield_place *place, void *arg, struct ml_error *error)
{
	struct listing *listing = arg;

	if (listing->device && strcmp(listing->device, place->device))
		return 0;
	listing->found = true;
	return shield_status(place, listing->output, error);
}

static int status(struct request *request)
{
	struct listing listing = { .device = request->device };
	struct ml_error error;

	if (request->has_options) {
		ml_error_set(&error, -EINVAL, "status wants a device at most");
		return complain(&error);
	}
	listing.output = ml_output_open(stdout, request->json);
	if (!listing.output)
		return FAILED;
	ml_output_list(listing.output, "shields");
	if (shield_lock(&error) || shield_each(list, &listing, &error)) {
		ml_output_discard(listing.output);
		ml_output_close(listing.output);
		return complain(&error);
	}
	ml_output_end(listing.output);
	if (!listing.found)
		ml_output_say(listing.output, ML_PLAIN, "there is no shield here");
	if (ml_output_close(listing.output))
		return FAILED;
	return listing.found ? YES : NO;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct request *request);
	} commands[] = { { "attach", attach }, { "detach", detach }, { "status", status } };
	struct request request = { .settings = {
		.rate = 20, .burst = 100, .new_rate = 500, .sources = 65536,
	} };
	struct ml_error error;

	if (read_options(&request, argc, argv, &error))
		return complain(&error);
	if (optind < argc - 1)
		request.device = argv[optind + 1];
	for (size_t i = 0; optind < argc && optind >= argc - 2 && i < 3; i++)
		if (!strcmp(argv[optind], commands[i].name))
			return commands[i].run(&request);
	fputs(usage, stderr);
	return FAILED;
}
