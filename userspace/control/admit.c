// SPDX-License-Identifier: MIT
#include "admit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "admit_private.h"
#include "server.h"
#include "signer_client.h"
#include "store.h"

#define PATIENCE	30

int admit_leaf(struct server *server, const struct audit_event *event, struct ml_bytes *ret,
	       struct ml_error *error)
{
	struct audit_event full = *event;
	uint8_t *bytes;
	int r;

	full.time = server_microseconds();
	full.actor = "server";
	r = audit_leaf(server_audit_form(server), &full, &bytes, &ret->length, error);
	if (!r)
		ret->data = bytes;
	return r;
}

void admit_leaf_free(struct ml_bytes *leaf)
{
	free((void *)(uintptr_t)leaf->data);
}

/* -------------------------------------------------------------------- joins */

static int state_set(struct server *server, struct store *store, const char *node,
		     enum store_node_state to, const struct audit_event *event,
		     struct ml_error *error)
{
	struct ml_bytes leaf;
	int r = admit_leaf(server, event, &leaf, error);

	if (r)
		return r;
	r = store_node_set_state(store, node, STORE_NODE_PENDING, to, leaf, error);
	admit_leaf_free(&leaf);
	return r;
}

static int addresses_set(struct server *server, struct store *store, const char *node,
			 const json_t *answer, struct ml_error *error)
{
	const struct audit_event event = { .type = AUDIT_CONFIG_CHANGE,
					   .details = { .node = node, .setting = "addresses" } };
	const json_t *list = json_object_get(answer, "addresses");
	char text[128] = "";
	struct ml_bytes leaf;
	json_t *item;
	size_t i, used = 0;
	int r;

	json_array_foreach(list, i, item)
		used += (size_t)snprintf(text + used, used < sizeof(text) ? sizeof(text) - used : 0,
					 "%s%.60s", i ? "," : "", json_string_value(item));
	r = admit_leaf(server, &event, &leaf, error);
	if (r)
		return r;
	r = store_node_set_addresses(store, node, text, leaf, error);
	admit_leaf_free(&leaf);
	return r;
}

static int accepted(struct server *server, struct store *store, const char *node,
		    const json_t *answer, struct ml_error *error)
{
	const struct audit_event event = { .type = AUDIT_CERT_ISSUE,
					   .details = { .node = node } };
	int r = addresses_set(server, store, node, answer, error);

	if (r)
		return r;
	r = state_set(server, store, node, STORE_NODE_ACTIVE, &event, error);
	return r == -ESTALE ? 0 : r;	/* another thread was first */
}

/* What the signer will never take: its name and keys are free again, its use is not. */
static void refused(struct server *server, struct store *store, const char *node,
		    const struct ml_error *why)
{
	const struct audit_event event = { .type = AUDIT_NODE_REFUSE, .reason = why->text,
					   .details = { .node = node, .method = "signer" } };
	struct ml_error error;
	struct ml_bytes leaf = { NULL, 0 };
	int r = state_set(server, store, node, STORE_NODE_REVOKED, &event, &error);

	if (r == -ESTALE || r == -ENOENT)
		return;
	if (!r)
		r = admit_leaf(server, &event, &leaf, &error);
	if (!r) {
		r = store_node_remove(store, node, leaf, &error);
		admit_leaf_free(&leaf);
	}
	if (r)
		server_log(LOG_ERR, "join", "%s, which the signer refuses, stays in the store: %s",
			   node, error.text);
}

static bool may_pass(int code)
{
	return code == -EHOSTDOWN || code == -EAGAIN || code == -ENOSPC || code == -ENOMEM ||
		code == -EPROTO;
}

int admit_join(struct server *server, struct store *store, struct signer_client *signer,
	       const char *node, struct ml_bytes request, struct ml_error *error)
{
	json_t *answer;
	int r = signer_client_submit(signer, "join", request, &answer, error);

	if (r) {
		if (!may_pass(r))
			refused(server, store, node, error);
		return r;
	}
	r = accepted(server, store, node, answer, error);
	json_decref(answer);
	return r;
}

/* ------------------------------------------------------------- what was missed */

struct list {
	char (*names)[65];
	size_t count, room;
	enum store_node_state state;
};

static int list_add(struct list *list, const char *name)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		void *more = reallocarray(list->names, room, sizeof(*list->names));

		if (!more)
			return -ENOMEM;
		list->names = more;
		list->room = room;
	}
	snprintf(list->names[list->count++], sizeof(*list->names), "%s", name);
	return 0;
}

static int node_note(void *arg, const struct store_node *node)
{
	struct list *list = arg;

	return node->state == list->state ? list_add(list, node->name) : 0;
}

static int grant_note(void *arg, const struct store_grant *grant)
{
	return list_add(arg, grant->id);
}

static int request_copy(void *arg, const struct store_join *join)
{
	struct ml_bytes *to = arg;
	uint8_t *copy = malloc(join->request.length + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, join->request.data, join->request.length);
	free((void *)(uintptr_t)to->data);
	to->data = copy;
	to->length = join->request.length;
	return 0;
}

/* Only a signer that is not there ends it: what it refuses is told, and the next has its turn. */
static int ended_by(int r, const char *what, const struct ml_error *error)
{
	if (r == -EHOSTDOWN || r == -ENOMEM)
		return r;
	if (r && r != -ESTALE && r != -ENOENT)
		server_log(LOG_WARNING, "signer", "%s: %s", what, error->text);
	return 0;
}

static int roots_send(struct store *store, struct signer_client *signer, struct ml_error *error)
{
	struct store_document document;
	uint64_t last;
	int r = store_root_get(store, 0, &document, error);

	if (r)
		return r == -ENOENT ? 0 : r;
	last = document.id;
	store_free(document.memory);
	for (uint64_t version = last > 64 ? last - 64 : 1; version <= last; version++) {
		r = store_root_get(store, version, &document, error);
		if (r == -ENOENT)
			continue;
		if (r)
			return r;
		r = signer_client_submit(signer, "root", document.envelope, NULL, error);
		store_free(document.memory);
		r = ended_by(r, "root document", error);
		if (r)
			return r;
	}
	return 0;
}

static int policy_send(struct store *store, struct signer_client *signer, struct ml_error *error)
{
	struct store_document document;
	int r = store_policy_get(store, 0, &document, error);

	if (r)
		return r == -ENOENT ? 0 : r;
	r = signer_client_submit(signer, "policy", document.envelope, NULL, error);
	store_free(document.memory);
	return ended_by(r, "policy", error);
}

static int grant_send(struct store *store, struct signer_client *signer, const char *id,
		      struct ml_error *error)
{
	struct store_grant grant;
	int r = store_grant_get(store, id, &grant, error);

	if (r)
		return r;
	if (grant.revoked)
		r = admit_revoke(signer, "grant", id, error);
	else if (grant.expires > time(NULL))
		r = signer_client_submit(signer, "grant", grant.envelope, NULL, error);
	store_free(grant.memory);
	return ended_by(r, "grant", error);
}

static int grants_send(struct store *store, struct signer_client *signer, struct ml_error *error)
{
	struct list list = { .count = 0 };
	int r = store_grant_each(store, grant_note, &list, error);

	for (size_t i = 0; i < list.count && !r; i++)
		r = grant_send(store, signer, list.names[i], error);
	free(list.names);
	return r;
}

static int pending_send(struct server *server, struct store *store, struct signer_client *signer,
			const char *node, struct ml_error *error)
{
	struct ml_bytes request = { NULL, 0 };
	int r = store_join_each(store, node, request_copy, &request, error);

	if (!r && request.data)
		r = ended_by(admit_join(server, store, signer, node, request, error), node, error);
	free((void *)(uintptr_t)request.data);
	return r;
}

static int nodes_send(struct server *server, struct store *store, struct signer_client *signer,
		      enum store_node_state state, struct ml_error *error)
{
	struct list list = { .state = state };
	int r = store_node_each(store, node_note, &list, error);

	for (size_t i = 0; i < list.count && !r; i++) {
		if (state == STORE_NODE_PENDING)
			r = pending_send(server, store, signer, list.names[i], error);
		else
			r = ended_by(admit_revoke(signer, "node", list.names[i], error),
				     list.names[i], error);
	}
	free(list.names);
	return r;
}

int admit_again(struct server *server, struct store *store, struct signer_client *signer,
		struct ml_error *error)
{
	int r = roots_send(store, signer, error);

	if (!r)
		r = policy_send(store, signer, error);
	if (!r)
		r = grants_send(store, signer, error);
	if (!r)
		r = nodes_send(server, store, signer, STORE_NODE_PENDING, error);
	if (!r)
		r = nodes_send(server, store, signer, STORE_NODE_REVOKED, error);
	return r;
}

int admit_revoke(struct signer_client *signer, const char *what, const char *name,
		 struct ml_error *error)
{
	int r = signer_client_ask(signer, json_pack("{s:s, s:s}", what, name, "request", "revoke"),
				  (struct ml_bytes){ NULL, 0 }, PATIENCE, NULL, NULL, NULL, error);

	return r == -ENOENT ? 0 : r;
}
