// SPDX-License-Identifier: MIT
/*
 * ager STORE NEW NETWORK COUNT DAYS: the store of a server that has never run, with the
 * root document of STORE, whose audit log has COUNT entries, all of DAYS days ago.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "audit.h"
#include "keys.h"
#include "store.h"

static struct ml_error failure;

static void need(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "ager: %s: %s\n", what, failure.text);
	exit(2);
}

static struct ml_bytes leaf_make(int64_t when)
{
	static const struct audit_form form = { .addresses = AUDIT_ADDRESS_WHOLE };
	const struct audit_event event = { .type = AUDIT_CONFIG_CHANGE, .time = when * 1000000,
					   .actor = "aged" };
	struct ml_bytes leaf;
	uint8_t *bytes;

	need(audit_leaf(&form, &event, &bytes, &leaf.length, &failure), "leaf");
	leaf.data = bytes;
	return leaf;
}

static void root_copy(const char *from, struct store *to, int64_t when)
{
	const struct store_config config = { STORE_SQLITE, from };
	struct ml_bytes leaf = leaf_make(when);
	struct store_document root;
	struct store *store;

	need(store_open(&config, NULL, &store, &failure), from);
	need(store_root_get(store, 0, &root, &failure), "root");
	need(store_root_add(to, root.id, root.envelope, when, leaf, &failure), "root");
	store_free(root.memory);
	store_close(store);
	free((void *)leaf.data);
}

int main(int argc, char **argv)
{
	struct store_config config = { .kind = STORE_SQLITE };
	struct store *store;
	int64_t when;

	if (argc != 6)
		return 2;
	need(ml_keys_setup(&failure), "setup");
	config.target = argv[2];
	when = time(NULL) - atoi(argv[5]) * INT64_C(86400);
	need(store_create(&config, argv[3], when, &failure), argv[2]);
	need(store_open(&config, argv[3], &store, &failure), argv[2]);
	root_copy(argv[1], store, when);
	for (int i = 1; i < atoi(argv[4]); i++) {
		struct ml_bytes leaf = leaf_make(when);

		need(store_audit_append(store, leaf, NULL, &failure), "entry");
		free((void *)leaf.data);
	}
	store_close(store);
	return 0;
}
