// SPDX-License-Identifier: MIT
/*
 * guard.allow: what may leave by a device that is no tunnel. A preset is an
 * object that need not be written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/merlon.h>

#include "policy_read.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/*
 * The networks that are never routed to elsewhere: a list that stands here, and
 * not what a DHCP server says is the LAN (it may say 0.0.0.0/1).
 */
#define LAN \
	"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/24", \
	"255.255.255.255", "fc00::/7", "fe80::/10", "ff02::/16"

/* TCP, UDP, ICMP and IGMP, but for the ports that lookups go to. */
#define LAN_SERVICES \
	"icmp:*", "igmp:*", "tcp:0-52", "tcp:54-852", "tcp:854-5354", "tcp:5356-65535", \
	"udp:0-52", "udp:54-136", "udp:138-852", "udp:854-5352", "udp:5354", "udp:5356-65535"

#define MOST 12

static const struct preset {
	const char *name;
	uint8_t from;
	const char *destinations[MOST], *services[MOST];
} presets[] = {
	{ "ntp", POLICY_FROM_HERE, { "*" }, { "udp:123" } },
	{ "cloud-metadata", POLICY_FROM_HERE, { "169.254.169.254", "fd00:ec2::254" }, { "tcp:80" } },
	{ "lan", POLICY_FROM_ANYWHERE, { LAN }, { LAN_SERVICES } },
	/* NBD, iSCSI, NFS */
	{ "root-disk", POLICY_FROM_HERE, { LAN }, { "tcp:10809", "tcp:3260", "tcp:2049" } },
};

static const char ssh_from[] = "ssh-from:";

/* ----------------------------------------------------------------- presets */

static int destinations_make(struct policy_reader *reader, const struct ml_hujson_value *value,
			     const char *const *texts, struct policy_allowance *ret)
{
	int err = 0;

	while (ret->destination_count < MOST && texts[ret->destination_count])
		ret->destination_count++;
	ret->destinations = ml_arena_alloc(&reader->policy->arena,
					   ret->destination_count * sizeof(*ret->destinations));
	if (!ret->destinations)
		return ml_policy_no_memory(reader);
	for (size_t i = 0; !err && i < ret->destination_count; i++)
		err = ml_policy_selector_read(reader, texts[i], value, POLICY_DESTINATION,
					      &ret->destinations[i]);
	return err;
}

/* Takes what @services holds, in canonical form. */
static int services_take(struct policy_reader *reader, struct ml_services *services,
			 struct policy_allowance *ret)
{
	ml_services_normalise(services);
	ret->service_count = services->count;
	ret->services = ml_arena_copy(&reader->policy->arena, services->items,
				      services->count * sizeof(*services->items));
	ml_services_clean(services);
	return ret->services ? 0 : ml_policy_no_memory(reader);
}

static int services_make(struct policy_reader *reader, const char *const *texts,
			 struct policy_allowance *ret)
{
	struct ml_services services = { 0 };
	char why[ML_SERVICE_WHY];

	for (size_t i = 0; i < MOST && texts[i]; i++) {
		if (!ml_services_parse(&services, texts[i], ML_SERVICE_STAR_USUAL, why))
			continue;
		ml_services_clean(&services);
		return ml_policy_no_memory(reader);
	}
	return services_take(reader, &services, ret);
}

static int preset_make(struct policy_reader *reader, const struct ml_hujson_value *value,
		       const struct preset *preset, struct policy_allowance *ret)
{
	int err = destinations_make(reader, value, preset->destinations, ret);

	ret->when.from = preset->from;
	return err ? err : services_make(reader, preset->services, ret);
}

static int ssh_make(struct policy_reader *reader, const struct ml_hujson_value *value,
		    struct policy_allowance *ret)
{
	const char *text = value->string.text + sizeof(ssh_from) - 1;
	const struct preset preset = { ssh_from, POLICY_FROM_OUTSIDE, { text }, { "tcp:22" } };
	struct ml_prefix prefix;
	int err = ml_policy_read_prefix(reader, text, value, &prefix);

	return err ? err : preset_make(reader, value, &preset, ret);
}

static int preset_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		       struct policy_allowance *ret)
{
	const char *text = value->string.text;
	struct policy_guess guess = { .wanted = text };
	char did_you_mean[POLICY_MAX_NAME + 32];

	if (!strncmp(text, ssh_from, sizeof(ssh_from) - 1))
		return ssh_make(reader, value, ret);
	for (size_t i = 0; i < LENGTH(presets); i++) {
		if (!strcmp(presets[i].name, text))
			return preset_make(reader, value, &presets[i], ret);
		ml_policy_guess_offer(&guess, presets[i].name);
	}
	return policy_fail(reader, value, "unknown allowance \"%.64s\"; expected ssh-from:PREFIX, ntp, "
			   "cloud-metadata, lan or root-disk%s", text,
			   ml_policy_guess_text(&guess, did_you_mean, sizeof(did_you_mean)));
}

/* ----------------------------------------------------------------- objects */

struct fields {
	const struct ml_hujson_value *dst, *ip, *device, *user, *cgroup, *from;
};

/* Nodes, groups and tags are addresses in the tunnel: nothing that leaves beside it. */
static int destination_read(struct policy_reader *reader, const struct ml_hujson_value *value,
			    uint32_t *ret)
{
	int err = ml_policy_selector_read(reader, value->string.text, value, POLICY_DESTINATION, ret);

	if (err)
		return err;
	switch (reader->policy->names.items[*ret].kind) {
	case POLICY_ANY:
	case POLICY_HOST:
	case POLICY_IPSET:
	case POLICY_LITERAL:
		return 0;
	}
	return policy_fail(reader, value, "dst: \"%.64s\" is reached by the tunnel; expected an address, "
			   "prefix, host, ipset: or *", value->string.text);
}

static int destinations_read(struct policy_reader *reader, const struct ml_hujson_value *list,
			     struct policy_allowance *ret)
{
	int err = ml_policy_expect_strings(reader, list, "dst");

	if (err)
		return err;
	if (!list->array.count)
		return policy_fail(reader, list, "dst: expected at least one destination");
	ret->destination_count = list->array.count;
	ret->destinations = ml_arena_alloc(&reader->policy->arena,
					   list->array.count * sizeof(*ret->destinations));
	if (!ret->destinations)
		return ml_policy_no_memory(reader);
	for (size_t i = 0; !err && i < list->array.count; i++)
		err = destination_read(reader, &list->array.items[i], &ret->destinations[i]);
	return err;
}

static int services_read(struct policy_reader *reader, const struct ml_hujson_value *list,
			 struct policy_allowance *ret)
{
	struct ml_services services = { 0 };
	int err = ml_policy_services_read(reader, list, ML_SERVICE_STAR_USUAL, &services);

	if (!err)
		return services_take(reader, &services, ret);
	ml_services_clean(&services);
	return err == -ENOMEM ? ml_policy_no_memory(reader) : err;
}

static int user_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		     struct policy_when *when)
{
	if (value->type != ML_HUJSON_INTEGER || value->integer < 0 || value->integer >= UINT32_MAX)
		return policy_fail(reader, value, "user: expected the number of a user on the node, as "
				   "\"id -u NAME\" says it");
	when->has_user = true;
	when->user = (uint32_t)value->integer;
	return 0;
}

static bool is_cgroup(const char *path)
{
	size_t length = strlen(path);

	if (length < 2 || length >= MERLON_MAX_CGROUP_BYTES || path[0] != '/' ||
	    path[length - 1] == '/' || strstr(path, "//"))
		return false;
	for (; *path; path++)
		if ((unsigned char)*path < ' ' || *path == 0x7f)
			return false;
	return true;
}

static int cgroup_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		       struct policy_when *when)
{
	static const char mounted[] = "/sys/fs/cgroup/";
	int err = ml_policy_expect(reader, value, ML_HUJSON_STRING, "cgroup");

	if (err)
		return err;
	when->cgroup = value->string.text;
	if (!strncmp(when->cgroup, mounted, sizeof(mounted) - 1))
		return policy_fail(reader, value, "cgroup: expected the path inside of /sys/fs/cgroup, "
				   "\"%.255s\"", when->cgroup + sizeof(mounted) - 2);
	if (is_cgroup(when->cgroup))
		return 0;
	return policy_fail(reader, value, "cgroup: \"%.64s\" is no control group; expected a path as "
			   "/system.slice/chrony.service, of %u bytes at most", when->cgroup,
			   MERLON_MAX_CGROUP_BYTES - 1);
}

static int device_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		       struct policy_when *when)
{
	when->devices = ml_arena_alloc(&reader->policy->arena, sizeof(*when->devices));
	if (!when->devices)
		return ml_policy_no_memory(reader);
	when->device_count = 1;
	return ml_policy_read_device(reader, value, "device", when->devices);
}

static int when_read(struct policy_reader *reader, const struct fields *f,
		     struct policy_when *when)
{
	static const char *const froms[] = { "here", "outside" };
	size_t from = POLICY_FROM_HERE;
	int err = 0;

	if (f->from)
		err = ml_policy_read_word(reader, f->from, "from", froms, LENGTH(froms), &from);
	if (!err && f->device)
		err = device_read(reader, f->device, when);
	if (!err && f->user)
		err = user_read(reader, f->user, when);
	if (!err && f->cgroup)
		err = cgroup_read(reader, f->cgroup, when);
	when->from = (uint8_t)from;
	return err;
}

static int object_read(struct policy_reader *reader, const struct ml_hujson_value *value,
		       struct policy_allowance *ret)
{
	struct fields f = { 0 };
	const struct policy_field fields[] = {
		{ "dst", POLICY_FIELD_REQUIRED, &f.dst, NULL },
		{ "ip", POLICY_FIELD_REQUIRED, &f.ip, NULL },
		{ "device", POLICY_FIELD_OPTIONAL, &f.device, NULL },
		{ "user", POLICY_FIELD_OPTIONAL, &f.user, NULL },
		{ "cgroup", POLICY_FIELD_OPTIONAL, &f.cgroup, NULL },
		{ "from", POLICY_FIELD_OPTIONAL, &f.from, NULL },
	};
	int err = ml_policy_fields(reader, value, "an allowance", fields, LENGTH(fields));

	if (!err)
		err = destinations_read(reader, f.dst, ret);
	if (!err)
		err = services_read(reader, f.ip, ret);
	return err ? err : when_read(reader, &f, &ret->when);
}

/* ------------------------------------------------------------------ limits */

/* What the allowances of one guard name; one more than there may be. */
struct named {
	const char *devices[MERLON_MAX_CONDITIONS + 1], *cgroups[MERLON_MAX_CONDITIONS + 1];
	uint32_t users[MERLON_MAX_CONDITIONS + 1];
	size_t device_count, cgroup_count, user_count;
};

static void text_note(const char **texts, size_t *count, const char *text)
{
	for (size_t i = 0; i < *count; i++)
		if (!strcmp(texts[i], text))
			return;
	texts[(*count)++] = text;
}

static void user_note(struct named *named, uint32_t user)
{
	for (size_t i = 0; i < named->user_count; i++)
		if (named->users[i] == user)
			return;
	named->users[named->user_count++] = user;
}

static bool is_below(const char *path, const char *other)
{
	size_t length = strlen(other);

	return !strncmp(path, other, length) && path[length] == '/';
}

/* The kernel gives a packet one number of a control group. */
static int nesting_check(struct policy_reader *reader, const struct policy_allowance *allowance,
			 const struct named *named)
{
	const char *path = allowance->when.cgroup;

	for (size_t i = 0; i < named->cgroup_count; i++)
		if (is_below(path, named->cgroups[i]) || is_below(named->cgroups[i], path))
			return policy_fail(reader, allowance, "control group \"%.255s\": of it and \"%.255s\" "
					   "one is inside of the other; name one of them", path,
					   named->cgroups[i]);
	return 0;
}

static int allowance_note(struct policy_reader *reader, const struct policy_allowance *allowance,
			  struct named *named)
{
	const struct policy_when *when = &allowance->when;
	int err = when->cgroup ? nesting_check(reader, allowance, named) : 0;

	if (err)
		return err;
	if (when->device_count)
		text_note(named->devices, &named->device_count, when->devices[0]);
	if (when->cgroup)
		text_note(named->cgroups, &named->cgroup_count, when->cgroup);
	if (when->has_user)
		user_note(named, when->user);
	if (named->device_count <= MERLON_MAX_CONDITIONS &&
	    named->cgroup_count <= MERLON_MAX_CONDITIONS &&
	    named->user_count <= MERLON_MAX_CONDITIONS)
		return 0;
	return policy_fail_code(reader, -E2BIG, allowance, "allow: more than %u %s are named",
				MERLON_MAX_CONDITIONS,
				named->device_count > MERLON_MAX_CONDITIONS ?
				"devices (those of dns.nameservers count with them)" :
				named->user_count > MERLON_MAX_CONDITIONS ? "users" :
				"control groups");
}

static int limits_check(struct policy_reader *reader, const struct policy_guard *guard)
{
	const struct policy_dns *dns = &reader->policy->dns;
	struct named named = { 0 };
	int err = 0;

	for (size_t i = 0; i < dns->server_count; i++)
		if (dns->servers[i].device)
			text_note(named.devices, &named.device_count, dns->servers[i].device);
	for (size_t i = 0; !err && i < guard->allowance_count; i++)
		err = allowance_note(reader, &guard->allowances[i], &named);
	return err;
}

/* -------------------------------------------------------------------- read */

static int allowance_read(struct policy_reader *reader, const struct ml_hujson_value *value,
			  struct policy_allowance *ret)
{
	ret->line = value->line;
	ret->column = value->column;
	if (value->type == ML_HUJSON_STRING)
		return preset_read(reader, value, ret);
	if (value->type == ML_HUJSON_OBJECT)
		return object_read(reader, value, ret);
	return policy_fail(reader, value, "allow: expected the name of an allowance or an object, found %s",
			   ml_hujson_type_name(value));
}

int ml_policy_allow_read(struct policy_reader *reader, struct policy_guard *guard)
{
	const struct ml_hujson_value *list = guard->allow;
	int err = ml_policy_expect(reader, list, ML_HUJSON_ARRAY, "allow");

	if (err)
		return err;
	guard->allowances = ml_arena_alloc(&reader->policy->arena,
					   list->array.count * sizeof(*guard->allowances));
	if (!guard->allowances)
		return ml_policy_no_memory(reader);
	for (; !err && guard->allowance_count < list->array.count; guard->allowance_count++)
		err = allowance_read(reader, &list->array.items[guard->allowance_count],
				     &guard->allowances[guard->allowance_count]);
	return err ? err : limits_check(reader, guard);
}
