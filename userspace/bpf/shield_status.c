// SPDX-License-Identifier: MIT
#include "shield_status.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shield.h"

static const struct {
	const char *key, *label;
} outcomes[SHIELD_OUTCOMES] = {
	[SHIELD_PASSED] = { "passed", "passed" },
	[SHIELD_LIMITED] = { "limited", "over its rate" },
	[SHIELD_POSTPONED] = { "postponed", "too many new" },
	[SHIELD_MALFORMED] = { "malformed", "malformed" },
};

/* The first value of the map pinned as @name, which has @size bytes for each of @copies. */
static int read_map(const struct shield_place *place, const char *name, void *ret, size_t size,
		    struct ml_error *error)
{
	struct bpf_map_info info = { 0 };
	__u32 zero = 0, length = sizeof(info);
	char path[SHIELD_PIN];
	int code, fd = bpf_obj_get(shield_pin(place, name, path));

	if (fd < 0)
		return ml_error_set(error, -errno, "%s: %s", path, strerror(errno));
	code = bpf_obj_get_info_by_fd(fd, &info, &length);
	if (!code && info.value_size != size)
		code = -EPROTO;
	if (!code)
		code = bpf_map_lookup_elem(fd, &zero, ret);
	close(fd);
	if (code == -EPROTO)
		return ml_error_set(error, code, "the shield at %s is of another version: "
				    "attach it again", place->device);
	return code ? ml_error_set(error, code, "%s: %s", path, strerror(-code)) : 0;
}

static int read_counters(const struct shield_place *place, struct shield_counters *ret,
			 struct ml_error *error)
{
	int processors = libbpf_num_possible_cpus(), code;
	struct shield_counters *each;

	memset(ret, 0, sizeof(*ret));
	if (processors < 1)
		return ml_error_set(error, processors, "how many processors are there?");
	each = calloc((size_t)processors, sizeof(*each));
	if (!each)
		return ml_error_set(error, -ENOMEM, "no memory");
	code = read_map(place, "counters", each, sizeof(*each), error);
	for (int i = 0; i < processors; i++)
		for (int j = 0; j < SHIELD_OUTCOMES; j++)
			ret->packets[j] += each[i].packets[j];
	free(each);
	return code;
}

static const char *mode_of(const struct shield_place *place)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)place->ifindex, 0, &query))
		return "unknown";
	switch (query.attach_mode) {
	case XDP_ATTACHED_DRV:
		return "native";
	case XDP_ATTACHED_SKB:
		return "generic";
	default:
		return "unknown";
	}
}

static void say_number(struct ml_output *output, const char *key, uint64_t number,
		       const char *label, const char *unit)
{
	ml_output_field(output, key, json_integer((json_int_t)number), label, ML_PLAIN,
			"%ju%s", (uintmax_t)number, unit);
}

static void say_address(struct ml_output *output, int family, const void *address)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, address, text, sizeof(text));
	ml_output_field(output, NULL, NULL, "to", ML_PLAIN, "%s", text);
	ml_output_value(output, NULL, json_string(text));
}

static void say_settings(struct ml_output *output, const struct shield_settings *settings)
{
	say_number(output, "port", ntohs(settings->port), "port", "");
	ml_output_list(output, "addresses");
	if (settings->only4)
		say_address(output, AF_INET, &settings->address4);
	if (settings->only6)
		say_address(output, AF_INET6, settings->address6);
	ml_output_end(output);
	say_number(output, "rate", settings->rate, "rate", "/s of a source");
	say_number(output, "burst", settings->burst, "burst", "");
	say_number(output, "new", settings->new_rate, "new", "/s of sources never seen");
	say_number(output, "sources", settings->sources, "sources", " at most");
}

static void say_counters(struct ml_output *output, const struct shield_counters *counters)
{
	for (int i = 0; i < SHIELD_OUTCOMES; i++)
		say_number(output, outcomes[i].key, counters->packets[i], outcomes[i].label,
			   i == SHIELD_PASSED ? "" : " dropped");
}

int shield_status(const struct shield_place *place, struct ml_output *output,
		  struct ml_error *error)
{
	struct shield_settings settings;
	struct shield_counters counters;
	const char *mode = mode_of(place);
	int code;

	code = read_map(place, "settings", &settings, sizeof(settings), error);
	if (!code)
		code = read_counters(place, &counters, error);
	if (code)
		return code;
	ml_output_object(output, NULL);
	ml_output_field(output, "device", ml_output_text(place->device), "device", ML_STRONG,
			"%s", place->device);
	ml_output_field(output, "mode", json_string(mode), "mode", ML_PLAIN, "%s", mode);
	say_settings(output, &settings);
	say_counters(output, &counters);
	ml_output_end(output);
	return 0;
}
