// SPDX-License-Identifier: MIT
/*
 * Nodes whose membership ends: what their grant's `lifetime` and the time of their
 * admission come to, or the last extension. Nothing is written down when it happens:
 * each generation is made without those that have ended when it is issued, and as the
 * floor of time does not go back behind that, none of them comes back by a clock.
 */
#include <errno.h>

#include "request_private.h"

bool node_has_ended(const struct signer_node *node, int64_t now)
{
	return !node->revoked && node->ends && node->ends <= now;
}

int64_t ends_next(const struct signer *signer)
{
	int64_t next = 0;

	for (size_t i = 0; i < signer->node_count; i++) {
		const struct signer_node *node = &signer->nodes[i];

		if (!node->revoked && node->ends > signer->statement.issued &&
		    (!next || node->ends < next))
			next = node->ends;
	}
	return next;
}

size_t ends_count(const struct signer *signer, int64_t now)
{
	size_t count = 0;

	for (size_t i = 0; i < signer->node_count; i++)
		count += node_has_ended(&signer->nodes[i], now);
	return count;
}

/* All of them at once: a name and a date each. */
int request_ends(const struct asking *asking, struct ml_error *error)
{
	static const char *const keys[] = { "request" };
	const struct signer *signer = asking->signer;
	json_t *ends;
	int r = request_keys(asking, keys, 1, false, error);

	if (r)
		return r;
	ends = json_object();
	for (size_t i = 0; i < signer->node_count; i++) {
		const struct signer_node *node = &signer->nodes[i];

		if (!node->revoked && node->ends && !r)
			r = json_object_set_new(ends, node->name,
						json_integer((json_int_t)node->ends));
	}
	if (r)
		json_decref(ends);
	else
		asking->answer->header = json_pack("{s:o, s:I}", "ends", ends, "version",
						   (json_int_t)signer->ends_version);
	return asking->answer->header ? 0 : ml_error_set(error, -ENOMEM, "out of memory");
}
