// SPDX-License-Identifier: MIT
/*
 * What happened behind a backup, as far as somebody still knows: the server that is
 * there, and the signer, whose ledger gives back what it has as soon as the server runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "grant.h"
#include "restore.h"
#include "signer_client.h"
#include "signer_ledger.h"

/*
 * Who is in, and how often keys were used, by somebody's account. A store knows how many
 * uses are left: MEASURE less those grows with each use, and differences are what counts.
 */
#define MEASURE	1000

struct facts {
	json_t *nodes;		/* name: is it in? */
	json_t *used;		/* id of a grant: its uses, by MEASURE; -1: revoked */
};

static bool facts_new(struct facts *facts)
{
	facts->nodes = json_object();
	facts->used = json_object();
	return facts->nodes && facts->used;
}

static void facts_free(struct facts *facts)
{
	json_decref(facts->nodes);
	json_decref(facts->used);
}

static int node_note(struct facts *facts, const char *name, bool in)
{
	return json_object_set_new(facts->nodes, name, json_boolean(in)) ? -ENOMEM : 0;
}

static int used_note(struct facts *facts, const char *id, uint64_t used, bool revoked)
{
	return json_object_set_new(facts->used, id, json_integer(revoked ? -1 : (json_int_t)used)) ?
		-ENOMEM : 0;
}

/* ----------------------------------------------------------------- of a store */

static int store_grant(void *arg, const struct store_grant *grant)
{
	return used_note(arg, grant->id, MEASURE - grant->uses, grant->revoked);
}

static int store_node(void *arg, const struct store_node *node)
{
	return node_note(arg, node->name, node->state != STORE_NODE_REVOKED);
}

static int facts_of_store(struct store *store, struct facts *facts, struct ml_error *error)
{
	int r = store_node_each(store, store_node, facts, error);

	return r ? r : store_grant_each(store, store_grant, facts, error);
}

/* ---------------------------------------------------------------- of the signer */

static int ledger_grant(void *arg, const struct signer_ledger_grant *grant, struct ml_error *error)
{
	struct ml_grant inside;
	uint64_t left;

	if (ml_grant_peek(grant->envelope, &inside, error))
		return error->code;
	left = inside.uses > grant->used ? inside.uses - grant->used : 0;
	return used_note(arg, grant->id, MEASURE - left, grant->revoked);
}

/* A name that was given again is of who came last. */
static int ledger_node(void *arg, const struct signer_ledger_node *node, struct ml_error *error)
{
	(void)error;
	return node_note(arg, node->name, !node->revoked);
}

static int facts_of_signer(const struct restore *restore, struct facts *facts,
			   struct ml_error *error)
{
	struct signer_client *client;
	int r = signer_client_new(restore->config.signer_socket, &client, error);

	if (r)
		return r;
	r = signer_ledger_grants(client, ledger_grant, facts, error);
	if (!r)
		r = signer_ledger_nodes(client, ledger_node, facts, error);
	signer_client_free(client);
	return r;
}

/* ------------------------------------------------------------------- difference */

static void name_say(const char *what, const char *name, bool *any)
{
	fprintf(stderr, "  %s since: %s\n", what, name);
	*any = true;
}

static void nodes_compare(const struct facts *now, const struct facts *then, bool *any)
{
	const char *name;
	json_t *in;

	json_object_foreach(now->nodes, name, in) {
		bool was = json_is_true(json_object_get(then->nodes, name));

		if (json_is_true(in) && !was)
			name_say("joined", name, any);
		else if (!json_is_true(in) && was)
			name_say("revoked", name, any);
	}
	json_object_foreach(then->nodes, name, in)
		if (json_is_true(in) && !json_object_get(now->nodes, name))
			name_say("revoked", name, any);
}

static void grants_compare(const struct facts *now, const struct facts *then, bool *any)
{
	json_int_t made = 0, uses = 0, revoked = 0;
	const char *id;
	json_t *used;

	json_object_foreach(now->used, id, used) {
		const json_t *before = json_object_get(then->used, id);

		if (!before)
			made++;
		else if (json_integer_value(used) < 0 && json_integer_value(before) >= 0)
			revoked++;
		else if (json_integer_value(used) > json_integer_value(before) &&
			 json_integer_value(before) >= 0)
			uses += json_integer_value(used) - json_integer_value(before);
	}
	if (made || uses || revoked)
		fprintf(stderr, "  one-time keys since: %" JSON_INTEGER_FORMAT " made, %"
			JSON_INTEGER_FORMAT " uses, %" JSON_INTEGER_FORMAT " revoked\n", made, uses,
			revoked);
	*any |= made || uses || revoked;
}

static void compare(const struct facts *now, const struct facts *then, const char *who, bool *any)
{
	bool some = false;

	fprintf(stderr, "Behind the backup, by %s:\n", who);
	nodes_compare(now, then, &some);
	grants_compare(now, then, &some);
	if (!some)
		fprintf(stderr, "  nothing\n");
	*any |= some;
}

static int by_server(const struct restore *restore, struct store *then, struct store *now,
		     const struct facts *before, bool *any, struct ml_error *error)
{
	uint64_t was, is, ignored;
	struct facts facts;
	int r = store_audit_size(then, &was, &ignored, error);

	if (!r)
		r = store_audit_size(now, &is, &ignored, error);
	if (!r && !facts_new(&facts))
		r = ml_error_set(error, -ENOMEM, "out of memory");
	if (r)
		return r;
	r = facts_of_store(now, &facts, error);
	if (!r) {
		compare(&facts, before, "the server that is there", any);
		if (is > (uint64_t)restore->manifest.audit_size)
			fprintf(stderr, "  audit entries since: %" PRIu64 ", which are kept\n",
				is - (uint64_t)restore->manifest.audit_size);
		*any |= is > (uint64_t)restore->manifest.audit_size;
	}
	facts_free(&facts);
	return r;
}

static int by_signer(const struct restore *restore, const struct facts *before, bool *any,
		     struct ml_error *error)
{
	struct facts facts;
	int r = facts_new(&facts) ? facts_of_signer(restore, &facts, error) :
		ml_error_set(error, -ENOMEM, "out of memory");

	if (!r) {
		compare(&facts, before, "the signer's ledger, which gives it back", any);
	} else if (r == -EHOSTDOWN) {
		fprintf(stderr, "%s: nobody can tell which nodes came, which were revoked and which keys were used since.\n"
			"Start merlon-signer with its ledger first; where that is lost, too, raise the root's epoch.\n",
			error->text);
		*any = true;
		r = 0;
	}
	facts_free(&facts);
	return r;
}

int restore_loss(const struct restore *restore, struct store *then, struct store *now,
		 bool *ret_any, struct ml_error *error)
{
	struct facts before;
	int r = facts_new(&before) ? facts_of_store(then, &before, error) :
		ml_error_set(error, -ENOMEM, "out of memory");

	*ret_any = false;
	if (!r && now)
		r = by_server(restore, then, now, &before, ret_any, error);
	if (!r)
		r = by_signer(restore, &before, ret_any, error);
	facts_free(&before);
	return r;
}
