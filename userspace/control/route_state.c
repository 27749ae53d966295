// SPDX-License-Identifier: MIT
/* How the server is. */
#include <errno.h>
#include <string.h>

#include "authority.h"
#include "config.h"
#include "distribution.h"
#include "ends.h"
#include "routes.h"
#include "server.h"
#include "server_private.h"
#include "signer_client.h"
#include "strict.h"

#define STALE		(3 * 86400)	/* three renewals that did not come */
#define SIGNER_SECONDS	2		/* to say which policy it has */

static json_t *root_json(struct call *call)
{
	struct ml_root root;

	if (server_root(call->server, &root, NULL))
		return json_null();
	return json_pack("{s:o, s:I, s:I, s:I}", "digest", ml_strict_hash_json(root.digest), "epoch",
			 (json_int_t)root.epoch, "expires", (json_int_t)root.expires, "version",
			 (json_int_t)root.version);
}

static json_t *generation_json(struct call *call)
{
	struct distribution *newest = server_get_distribution(call->server, false);
	json_t *json;

	if (!newest)
		return json_null();
	json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}",
			 "epoch", (json_int_t)newest->statement.epoch,
			 "expires", (json_int_t)newest->statement.expires,
			 "issued", (json_int_t)newest->statement.issued,
			 "nodes", (json_int_t)newest->count,
			 "serial", (json_int_t)newest->statement.serial,
			 "stale", call->now - newest->statement.issued >= STALE);
	server_put_distribution(call->server, newest);
	return json;
}

/* Of the policy that the signer has, in force or not yet; null: it does not answer. */
static json_t *policy_version(struct call *call)
{
	json_t *status, *version;

	if (signer_client_ask(call->signer, json_pack("{s:s}", "request", "status"),
			      (struct ml_bytes){ NULL, 0 }, SIGNER_SECONDS, &status, NULL, NULL,
			      NULL))
		return json_null();
	version = json_incref(json_object_get(status, "policyVersion"));
	json_decref(status);
	return version;
}

static json_t *signer_json(struct call *call)
{
	struct signer_said signer;

	server_signer(call->server, &signer);
	return json_pack("{s:b, s:s, s:o, s:s}", "connected", signer.there, "key", signer.key_id,
			 "policyVersion", signer.there ? policy_version(call) : json_null(),
			 "waiting", signer.waiting);
}

static json_t *audit_json(struct call *call)
{
	struct cosigned_said said;
	uint64_t size, sequenced;

	if (store_audit_size(call->store, &size, &sequenced, NULL))
		return json_null();
	server_cosigned(call->server, &said);
	return json_pack("{s:I, s:I, s:s, s:I, s:s, s:I}", "cosigned", (json_int_t)said.size,
			 "cosignedAt", (json_int_t)said.time, "cosigner", said.key,
			 "entries", (json_int_t)size, "uncosigned", said.why,
			 "written", (json_int_t)sequenced);
}

/* Who has expired, and who will soon; null: the signer was not there to say. */
static json_t *membership_json(struct call *call)
{
	struct ends_summary summary;

	ends_summarize(server_ends(call->server), call->now, &summary);
	if (!summary.known)
		return json_null();
	return json_pack("{s:I, s:I, s:s, s:I}", "expired", (json_int_t)summary.expired,
			 "nextDate", (json_int_t)summary.date, "nextNode", summary.next, "soon",
			 (json_int_t)summary.soon);
}

static void status(struct call *call)
{
	const struct config *config = server_config(call->server);
	struct ml_error error;
	char path[CONFIG_PATH], why[256] = "";
	uint8_t key[32];
	int r;

	config_path(config, "server.pem", path);
	r = authority_file_spki(config->certificate[0] ? config->certificate : path, key, &error);
	if (r) {
		call_fail(call, -EIO, &error);
		return;
	}
	server_is_stuck(call->server, why, sizeof(why));
	call_answer(call, 200, json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:s, s:s}",
					 "audit", audit_json(call),
					 "generation", generation_json(call),
					 "membership", membership_json(call),
					 "network", config->network, "root", root_json(call),
					 "serverKey", ml_strict_hash_json(key),
					 "signer", signer_json(call), "stuck", why,
					 "trust", config->hosted ? "hosted" : "separate",
					 "url", config->url));
}

static const struct route routes[] = {
	{ .method = "GET", .path = "/v1/status", .who = ROUTE_PERSON, .role = STORE_VIEWER,
	  .handle = status },
};

const struct route_table route_state = { routes, sizeof(routes) / sizeof(routes[0]) };
