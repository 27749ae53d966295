// SPDX-License-Identifier: MIT
/* One function per thing that is done to the device. Remembers nothing. */
#include "tunnel.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "changeover.h"
#include "log.h"
#include "wireguard_set.h"

#define KIND "wireguard"

/* As wg-quick has them on a machine that has no others. */
#define RULE_MAIN 32764
#define RULE_MARK 32765

static bool is_gone(int code)
{
	return code == -ESRCH || code == -ENOENT || code == -ENODEV || code == -EADDRNOTAVAIL;
}

/* ------------------------------------------------------------------ as it is */

static int read_wires(const struct tunnel_wires *wires, const char *name,
		      struct tunnel_scene *scene, struct ml_error *error)
{
	struct ml_wireguard_device kernel;
	int code = ml_genl_find(wires->genl, error);

	if (!code)
		code = ml_wireguard_read_by(wires->genl, name, &kernel, error);
	if (code)
		return code;
	scene->mark = kernel.fwmark;
	code = ml_device_from(&kernel, &scene->device);
	ml_wireguard_clean(&kernel);
	return code ? ml_error_set(error, code, "out of memory") : 0;
}

static uint32_t table_of(const struct tunnel_scene *scene)
{
	return scene->mark ? scene->mark : TUNNEL_MARK;
}

/* A default route is there as soon as any part of it is. */
static int read_default(const struct tunnel_wires *wires, uint8_t family, bool has_route,
			struct tunnel_scene *scene, struct ml_error *error)
{
	struct ml_prefix prefix = { .family = family };
	size_t rules = 0;
	int code = ml_rtnl_rule_count(wires->rtnl, family, &rules, error);

	if (code || (!rules && !has_route))
		return code;
	return ml_prefixes_add(&scene->device.routes, &prefix) ? -ENOMEM : 0;
}

static bool has_default(const struct ml_prefixes *routes, uint8_t family)
{
	size_t i;

	for (i = 0; i < routes->count; i++)
		if (!routes->items[i].length && routes->items[i].family == family)
			return true;
	return false;
}

static int read_defaults(const struct tunnel_wires *wires, struct tunnel_scene *scene,
			 struct ml_error *error)
{
	struct ml_prefixes routes = { .items = NULL };
	int code = ml_rtnl_routes(wires->rtnl, scene->link.index, table_of(scene), &routes,
				  error);

	if (!code)
		code = read_default(wires, AF_INET, has_default(&routes, AF_INET), scene, error);
	if (!code)
		code = read_default(wires, AF_INET6, has_default(&routes, AF_INET6), scene,
				    error);
	ml_prefixes_clean(&routes);
	return code;
}

/* A default route in the main table is nobody's that is known here: it stays. */
static void drop_defaults(struct ml_prefixes *routes)
{
	size_t i, kept = 0;

	for (i = 0; i < routes->count; i++)
		if (routes->items[i].length)
			routes->items[kept++] = routes->items[i];
	routes->count = kept;
}

static int read_scene(const struct tunnel_wires *wires, struct tunnel_scene *scene,
		      struct ml_error *error)
{
	struct ml_device *device = &scene->device;
	uint32_t index = scene->link.index;
	int code;

	if (strcmp(scene->link.kind, KIND))
		return ml_error_set(error, -EEXIST, "'%s' is there, and is not a WireGuard "
				    "device: rename it, or the policy's tunnel",
				    scene->link.name);
	code = read_wires(wires, scene->link.name, scene, error);
	if (!code)
		code = ml_rtnl_addresses(wires->rtnl, index, &device->addresses, error);
	if (!code)
		code = ml_rtnl_routes(wires->rtnl, index, RT_TABLE_MAIN, &device->routes, error);
	drop_defaults(&device->routes);
	if (!code)
		code = read_defaults(wires, scene, error);
	ml_device_sort(device);
	return code;
}

int tunnel_look(const struct tunnel_wires *wires, const char *name,
		struct tunnel_scene *ret, struct ml_error *error)
{
	struct tunnel_scene scene = { .there = false };
	int code = ml_rtnl_link_find(wires->rtnl, name, &scene.link, error);

	if (code == -ENODEV) {
		*ret = scene;
		return 0;
	}
	scene.there = true;
	if (!code)
		code = read_scene(wires, &scene, error);
	if (code)
		tunnel_scene_clean(&scene);
	else
		*ret = scene;
	return code;
}

void tunnel_scene_clean(struct tunnel_scene *scene)
{
	ml_device_clean(&scene->device);
}

/* ------------------------------------------------------------------- whose it is */

/* As `ip link add` leaves it. */
static bool is_untouched(const struct tunnel_scene *scene)
{
	return !scene->link.up && !scene->device.has_key && !scene->link.alias[0] &&
	       !scene->device.peer_count && !scene->device.addresses.count;
}

int tunnel_claim(const struct tunnel_wires *wires, struct tunnel_scene *scene,
		 struct ml_error *error)
{
	const char *name = scene->link.name;
	int code;

	if (!strcmp(scene->link.alias, wires->alias))
		return 0;
	if (!is_untouched(scene) && !wires->take_over)
		return ml_error_set(error, -EEXIST, "'%s' is there, and merlond did not make it "
				    "(its alias is not \"%s\"): remove it ('ip link del %s', and "
				    "whatever makes it at boot), or start merlond with "
				    "--take-over", name, wires->alias, name);
	code = ml_rtnl_link_alias(wires->rtnl, scene->link.index, wires->alias, error);
	if (code)
		return code;
	if (!is_untouched(scene))
		log_line(LOG_NOTICE, "tunnel", "'%s' is taken over, with its %zu peers", name,
			 scene->device.peer_count);
	strcpy(scene->link.alias, wires->alias);
	return 0;
}

struct others {
	const struct tunnel_wires *wires;
	const char *name;
	struct ml_rtnl_link found;
};

static int find_other(const struct ml_rtnl_link *link, void *arg)
{
	struct others *others = arg;

	if (!others->found.index && strcmp(link->name, others->name) &&
	    !strcmp(link->kind, KIND) && !strcmp(link->alias, others->wires->alias))
		others->found = *link;
	return 0;
}

int tunnel_remove_others(const struct tunnel_wires *wires, const char *name,
			 struct ml_error *error)
{
	struct others others;
	int code;

	for (;;) {
		others = (struct others){ .wires = wires, .name = name };
		code = ml_rtnl_links(wires->rtnl, find_other, &others, error);
		if (code || !others.found.index)
			return code;
		code = ml_rtnl_link_delete(wires->rtnl, others.found.index, error);
		if (code && !is_gone(code))
			return code;
		log_line(LOG_NOTICE, "tunnel", "'%s' is removed: the tunnel is '%s' now",
			 others.found.name, name);
	}
}

/* ---------------------------------------------------------------------- made */

int tunnel_create(const struct tunnel_wires *wires, const char *name,
		  struct ml_error *error)
{
	struct ml_rtnl_link link = { .index = 0 };
	int code = ml_rtnl_link_create(wires->rtnl, name, KIND, error);

	if (!code)
		code = ml_rtnl_link_find(wires->rtnl, name, &link, error);
	if (!code)
		code = ml_rtnl_link_alias(wires->rtnl, link.index, wires->alias, error);
	if (!code)
		log_line(LOG_NOTICE, "tunnel", "'%s' is made", name);
	return code;
}

/* A device without a key is new, and has no port that somebody chose. */
int tunnel_settle(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
		  const struct ml_device *wanted, struct ml_error *error)
{
	bool marks = has_default(&wanted->routes, AF_INET) ||
		     has_default(&wanted->routes, AF_INET6);
	bool key = !scene->device.has_key ||
		   memcmp(scene->device.key, wires->public_key, 32);
	struct ml_wireguard_settings settings = {
		.private_key = key ? wires->key : NULL,
		.listen_port = scene->device.has_key ? 0 : wires->listen_port,
		.fwmark = marks && !scene->mark ? TUNNEL_MARK : 0,
	};

	if (!settings.private_key && !settings.fwmark)
		return 0;
	return ml_wireguard_set(wires->genl, scene->link.name, &settings, error);
}

/* -------------------------------------------------------------- default routes */

static struct ml_rtnl_rule rule_main(uint8_t family)
{
	return (struct ml_rtnl_rule){ family, RULE_MAIN, RT_TABLE_MAIN, 0, 0 };
}

static struct ml_rtnl_rule rule_mark(uint8_t family, uint32_t table)
{
	return (struct ml_rtnl_rule){ family, RULE_MARK, table, table, -1 };
}

/* ORDER: the rules first: a table without a route would lead on to the main one. */
static int remove_default(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
			  uint8_t family, struct ml_error *error)
{
	struct ml_rtnl_rule mark = rule_mark(family, table_of(scene));
	struct ml_rtnl_rule main = rule_main(family);
	struct ml_prefix route = { .family = family };
	int code = ml_rtnl_rule_remove(wires->rtnl, &mark, error);

	if (!code || is_gone(code))
		code = ml_rtnl_rule_remove(wires->rtnl, &main, error);
	if (!code || is_gone(code))
		code = ml_rtnl_route_remove(wires->rtnl, scene->link.index, mark.table, &route,
					    error);
	return is_gone(code) ? 0 : code;
}

static int add_rule(const struct tunnel_wires *wires, struct ml_rtnl_rule rule,
		    struct ml_error *error)
{
	int code = ml_rtnl_rule_add(wires->rtnl, &rule, error);

	return code == -EEXIST ? 0 : code;
}

/*
 * What is not WireGuard's own goes by a table whose only route is the tunnel, unless
 * the main table knows better than by its default.
 */
static int add_default(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
		       uint8_t family, struct ml_error *error)
{
	struct ml_prefix route = { .family = family };
	uint32_t table = table_of(scene);
	int code = ml_rtnl_route_add(wires->rtnl, scene->link.index, table, &route, error);

	if (code && code != -EEXIST)
		return code;
	code = add_rule(wires, rule_main(family), error);
	return code ? code : add_rule(wires, rule_mark(family, table), error);
}

/* ------------------------------------------------------------ taken away, given */

static int remove_route(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
			const struct ml_prefix *route, struct ml_error *error)
{
	int code;

	if (!route->length)
		return remove_default(wires, scene, route->family, error);
	code = ml_rtnl_route_remove(wires->rtnl, scene->link.index, RT_TABLE_MAIN, route,
				    error);
	return is_gone(code) ? 0 : code;
}

int tunnel_take_away(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
		     const struct ml_changes *changes, struct ml_error *error)
{
	int code = ml_wireguard_set_peers(wires->genl, scene->link.name, changes->peers,
					  changes->peer_count, error);
	size_t i;

	for (i = 0; i < changes->routes.count && !code; i++)
		code = remove_route(wires, scene, &changes->routes.items[i], error);
	for (i = 0; i < changes->addresses.count && !code; i++) {
		code = ml_rtnl_address_remove(wires->rtnl, scene->link.index,
					      &changes->addresses.items[i], error);
		if (is_gone(code))
			code = 0;
	}
	return code;
}

static int add_route(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
		     const struct ml_prefix *route, struct ml_error *error)
{
	char text[ML_PREFIX_TEXT];
	int code;

	if (!route->length)
		return add_default(wires, scene, route->family, error);
	code = ml_rtnl_route_add(wires->rtnl, scene->link.index, RT_TABLE_MAIN, route, error);
	if (code == -EEXIST)
		return ml_error_set(error, code, "%s is routed by another device already, and "
				    "does not go by '%s': remove that route",
				    ml_prefix_format(route, text), scene->link.name);
	return code;
}

/* The first failure is what is told. */
static void keep_first(int *code, int next, struct ml_error *error,
		       const struct ml_error *told)
{
	if (!next || *code)
		return;
	*code = next;
	*error = *told;
}

static int add_routes(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
		      const struct ml_changes *changes, const struct ml_device *wanted,
		      struct ml_error *error)
{
	struct ml_error told = { .code = 0 };
	int code = 0;
	size_t i;

	for (i = 0; i < changes->routes.count; i++)
		if (changes->routes.items[i].length)
			keep_first(&code, add_route(wires, scene, &changes->routes.items[i],
						    &told), error, &told);
	/* Some of their parts may be there: all are asked for. */
	for (i = 0; i < wanted->routes.count; i++)
		if (!wanted->routes.items[i].length)
			keep_first(&code, add_route(wires, scene, &wanted->routes.items[i],
						    &told), error, &told);
	return code;
}

static int add_addresses(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
			 const struct ml_changes *changes, struct ml_error *error)
{
	struct ml_error told = { .code = 0 };
	int code = 0, next;
	size_t i;

	for (i = 0; i < changes->addresses.count; i++) {
		next = ml_rtnl_address_add(wires->rtnl, scene->link.index,
					   &changes->addresses.items[i], &told);
		keep_first(&code, next == -EEXIST ? 0 : next, error, &told);
	}
	return code;
}

static int bring_up(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
		    struct ml_error *error)
{
	int code = ml_rtnl_link_up(wires->rtnl, scene->link.index, error);

	if (code == -EADDRINUSE)
		return ml_error_set(error, code, "'%s' cannot be brought up: another socket has "
				    "its UDP port; end that, or run 'wg set %s listen-port N'",
				    scene->link.name, scene->link.name);
	return code;
}

int tunnel_give(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
		const struct ml_changes *changes, const struct ml_device *wanted,
		struct ml_error *error)
{
	struct ml_error told = { .code = 0 };
	int code = ml_wireguard_set_peers(wires->genl, scene->link.name, changes->peers,
					  changes->peer_count, error);

	if (code)
		return code;
	keep_first(&code, add_addresses(wires, scene, changes, &told), error, &told);
	if (!scene->link.up)
		keep_first(&code, bring_up(wires, scene, &told), error, &told);
	keep_first(&code, add_routes(wires, scene, changes, wanted, &told), error, &told);
	return code;
}
