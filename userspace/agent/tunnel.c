// SPDX-License-Identifier: MIT
#include "tunnel.h"

#include <errno.h>
#include <linux/wireguard.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "changeover.h"
#include "desired.h"
#include "locked.h"
#include "log.h"
#include "store.h"
#include "strict.h"
#include "wireguard_set.h"

#define RETRY_SECONDS 10

static struct {
	bool on;
	bool rotates;			/* the key is the state directory's own */
	struct tunnel_wires wires;
	uint8_t *key;
	int timer;
	bool has_wanted;		/* of the generation in force */
	struct ml_device wanted;
	bool has_snapshot;		/* before the retreat that is under way */
	struct ml_device snapshot;
	char problem[sizeof(((struct ml_error *)0)->text)];
} self = { .timer = -1 };

/* ---------------------------------------------------------------------- start */

int tunnel_check(const struct agent_options *options, struct ml_error *error)
{
	uint8_t *key;
	int code;

	if (!options->tunnel)
		return 0;
	code = ml_wireguard_key_read(options->tunnel, &key, error);
	if (!code)
		ml_locked_free(key);
	return code;
}

static void take_key(uint8_t *key)
{
	self.key = key;
	self.wires.key = key;
	ml_wireguard_key_public(key, self.wires.public_key);
}

static int open_wires(const struct agent *agent, struct ml_error *error)
{
	struct tunnel_wires *wires = &self.wires;
	uint8_t *key;
	int code = ml_wireguard_key_read(agent->options.tunnel, &key, error);

	if (code)
		return code;
	take_key(key);
	code = ml_genl_socket(WG_GENL_NAME, WG_GENL_VERSION, &wires->genl, error);
	if (!code)
		code = ml_netlink_lock(ml_genl_netlink(wires->genl), error);
	return code ? code : ml_rtnl_open(&wires->rtnl, error);
}

static bool is_own_key(const struct agent *agent)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/" ML_WIREGUARD_FILE, agent->options.state_dir);
	return agent->enrolled && !strcmp(path, agent->options.tunnel);
}

void tunnel_open(const struct agent *agent)
{
	struct ml_error error;

	if (!agent->options.tunnel)
		return;
	self.rotates = is_own_key(agent);
	self.wires.listen_port = agent->options.listen_port;
	self.wires.take_over = agent->options.take_over;
	snprintf(self.wires.alias, sizeof(self.wires.alias), "merlon %s/%s",
		 agent->trust.network, agent->trust.node);
	if (open_wires(agent, &error))
		die("%s", error.text);
	self.timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (self.timer < 0)
		die("cannot make timers: %s", strerror(errno));
	self.on = true;
}

void tunnel_close(void)
{
	if (!self.on)
		return;
	ml_genl_close(self.wires.genl);
	ml_rtnl_close(self.wires.rtnl);
	ml_locked_free(self.key);
	self.on = false;
}

int tunnel_timer(void)
{
	return self.timer;
}

/* -------------------------------------------------------------------- problems */

static void look_again(int seconds)
{
	const struct itimerspec when = { .it_value.tv_sec = seconds };

	timerfd_settime(self.timer, 0, &when, NULL);
}

/* The same again is not told again. */
static void tell(int code, const struct ml_error *error)
{
	struct message_log fields = { .code = code };

	if (!code && self.problem[0])
		log_line(LOG_NOTICE, "tunnel", "'%s' is as it should be again",
			 self.wanted.name);
	if (!code) {
		self.problem[0] = '\0';
		return;
	}
	if (strcmp(self.problem, error->text))
		log_fields(LOG_ERR, &fields, "tunnel", "the tunnel is not as it should be, and "
			   "tried again every %d s: %s", RETRY_SECONDS, error->text);
	snprintf(self.problem, sizeof(self.problem), "%s", error->text);
	look_again(RETRY_SECONDS);
}

bool tunnel_has_problem(void)
{
	return self.problem[0];
}

void tunnel_fill(struct message_result *ret)
{
	if (!self.on)
		return;
	ret->has_tunnel = true;
	ret->tunnel_peers = (uint32_t)self.wanted.peer_count;
	snprintf(ret->tunnel, sizeof(ret->tunnel), "%s", self.wanted.name);
	snprintf(ret->tunnel_problem, sizeof(ret->tunnel_problem), "%s", self.problem);
}

/* ------------------------------------------------------------------ changing it */

static int plan(const struct tunnel_scene *scene, const struct ml_device *wanted,
		const struct ml_device *previous, struct ml_changeover *ret,
		struct ml_error *error)
{
	int code = ml_changeover_plan(&scene->device, wanted, previous, ret);

	return code ? ml_error_set(error, code, "out of memory") : 0;
}

/* All of it, of a device that is there and Merlon's. */
static int change(const struct tunnel_scene *scene, const struct ml_device *wanted,
		  const struct ml_device *previous, struct ml_error *error)
{
	struct ml_changeover changeover;
	int code = plan(scene, wanted, previous, &changeover, error);

	if (code)
		return code;
	code = tunnel_take_away(&self.wires, scene, &changeover.before, error);
	if (!code)
		code = tunnel_give(&self.wires, scene, &changeover.after, wanted, error);
	ml_changeover_clean(&changeover);
	return code;
}

static int look_or_create(const struct ml_device *wanted, struct tunnel_scene *ret,
			   struct ml_error *error)
{
	int code = tunnel_look(&self.wires, wanted->name, ret, error);

	if (code || ret->there)
		return code;
	code = ml_genl_find(self.wires.genl, error);
	if (!code || code == -ENOENT)
		code = tunnel_create(&self.wires, wanted->name, error);
	return code ? code : tunnel_look(&self.wires, wanted->name, ret, error);
}

static int make_so(const struct ml_device *wanted, struct ml_error *error)
{
	struct tunnel_scene scene = { .there = false };
	int code = tunnel_remove_others(&self.wires, wanted->name, error);

	if (!code)
		code = look_or_create(wanted, &scene, error);
	if (!code)
		code = tunnel_claim(&self.wires, &scene, error);
	/* ORDER: the mark first: without it WireGuard's own packets took the default route. */
	if (!code)
		code = tunnel_settle(&self.wires, &scene, wanted, error);
	if (!code)
		code = change(&scene, wanted, NULL, error);
	tunnel_scene_clean(&scene);
	return code;
}

/* An endpoint permits nothing, so that one that cannot be set is no problem of the device. */
static void reach(void)
{
	struct ml_error error = { .code = 0 };
	int code = reach_tend(&self.wires, &self.wanted, &error);

	if (code < 0)
		log_line(LOG_WARNING, "tunnel", "peers' endpoints: %s", error.text);
	else if (code && !self.problem[0])
		look_again(REACH_SECONDS);
}

int tunnel_endpoints(struct apply *apply, struct ml_bytes text, struct ml_error *error)
{
	struct ml_endpoints endpoints;
	json_t *json;
	int code = ml_strict_load(text.data, text.length, "endpoints", &json, error);

	(void)apply;
	if (code)
		return code;
	code = ml_endpoints_parse(json, &endpoints, error);
	json_decref(json);
	if (code)
		return code;
	code = reach_learn(&endpoints, error);
	if (!code && self.on && self.has_wanted)
		reach();
	return code;
}

void tunnel_tend(void)
{
	struct ml_error error = { .code = 0 };
	uint64_t count;

	if (!self.on)
		return;
	if (read(self.timer, &count, sizeof(count)) < 0)
		count = 0;	/* called for another reason */
	if (!self.has_wanted)
		return;
	tell(make_so(&self.wanted, &error), &error);
	if (!self.problem[0])
		reach();
}

/* --------------------------------------------------------------- change-over */

static void log_gaps(const struct ml_desired_gaps *gaps)
{
	if (gaps->keyless)
		log_line(LOG_NOTICE, "tunnel", "%zu peers have no \"publicKey\" in the policy, "
			 "and are left out", gaps->keyless);
	if (gaps->named)
		log_line(LOG_NOTICE, "tunnel", "%zu peers have a name for an endpoint: nobody "
			 "looks it up here; they are heard when they speak first", gaps->named);
}

int tunnel_read(const struct ml_bundle *bundle, struct ml_device *ret,
		struct ml_error *error)
{
	struct ml_desired_gaps gaps;
	struct ml_device device;
	int code;

	memset(ret, 0, sizeof(*ret));
	if (!self.on)
		return 0;
	code = ml_desired_read(bundle->leaf, &device, &gaps, error);
	if (code)
		return code;
	if (ml_device_find(&device, self.wires.public_key)) {
		ml_device_clean(&device);
		return ml_error_set(error, -EBADMSG, "the bundle's config: a peer has this "
				    "node's own key: the policy gives it to another node, or "
				    "--tunnel names another node's key file");
	}
	log_gaps(&gaps);
	*ret = device;
	return 0;
}

static void forget_snapshot(void)
{
	if (self.has_snapshot)
		ml_device_clean(&self.snapshot);
	self.has_snapshot = false;
}

static int retreat(const struct tunnel_scene *scene, const struct ml_device *next,
		   struct ml_error *error)
{
	struct ml_changeover changeover;
	int code = plan(scene, next, self.has_wanted ? &self.wanted : NULL, &changeover, error);

	if (code)
		return code;
	code = tunnel_take_away(&self.wires, scene, &changeover.before, error);
	ml_changeover_clean(&changeover);
	return code;
}

int tunnel_retreat(const struct ml_device *next, struct ml_error *error)
{
	struct tunnel_scene scene = { .there = false };
	int code;

	if (!self.on)
		return 0;
	forget_snapshot();
	code = tunnel_remove_others(&self.wires, next->name, error);
	if (!code)
		code = tunnel_look(&self.wires, next->name, &scene, error);
	if (code || !scene.there)
		return code;
	code = tunnel_claim(&self.wires, &scene, error);
	if (code) {
		tunnel_scene_clean(&scene);
		return code;
	}
	self.snapshot = scene.device;
	self.has_snapshot = true;
	return retreat(&scene, next, error);
}

/* With what the peers' endpoints were: @next may have changed them. */
static int go_back(const struct ml_device *next, struct ml_error *error)
{
	struct tunnel_scene scene;
	int code = tunnel_look(&self.wires, self.snapshot.name, &scene, error);

	if (code)
		return code;
	if (scene.there)
		code = change(&scene, &self.snapshot, next, error);
	tunnel_scene_clean(&scene);
	return code;
}

void tunnel_undo(const struct ml_device *next)
{
	struct ml_error error = { .code = 0 };

	if (!self.on)
		return;
	if (self.has_snapshot)
		tell(go_back(next, &error), &error);
	forget_snapshot();
	tunnel_tend();
}

/* The key to come, if @public is its public half. */
static int next_key(const uint8_t public[static 32], uint8_t **ret, struct ml_error *error)
{
	uint8_t own[32], *key;
	int code = self.rotates ? ml_wireguard_key_read(ML_WIREGUARD_NEXT_FILE, &key, error) :
				  -ENOENT;

	if (code)
		return code;
	ml_wireguard_key_public(key, own);
	if (memcmp(own, public, sizeof(own))) {
		ml_locked_free(key);
		return -ENOENT;
	}
	*ret = key;
	return 0;
}

/*
 * The peers know this node by another key as soon as they have this generation, too.
 * ORDER: the file first: whoever dies here finds the key in it, and gives it the device.
 */
static void follow_key(const struct ml_device *next)
{
	struct ml_error error = { .text = "" };
	uint8_t *key;
	int code;

	if (!next->has_key || !memcmp(next->key, self.wires.public_key, 32))
		return;
	code = next_key(next->key, &key, &error);
	if (code) {
		log_line(LOG_ERR, "tunnel", "the policy knows this node by another WireGuard "
			 "key than the one it has, so no peer will hear it%s%s",
			 code == -ENOENT ? "" : ": ", code == -ENOENT ? "" : error.text);
		return;
	}
	store_rename(ML_WIREGUARD_NEXT_FILE, ML_WIREGUARD_FILE);
	ml_locked_free(self.key);
	take_key(key);
	log_line(LOG_NOTICE, "tunnel", "the new WireGuard key is in force");
}

void tunnel_advance(struct ml_device *next)
{
	if (!self.on)
		return;
	forget_snapshot();
	follow_key(next);
	if (self.has_wanted)
		ml_device_clean(&self.wanted);
	self.wanted = *next;
	self.has_wanted = true;
	memset(next, 0, sizeof(*next));
	tunnel_tend();
}
