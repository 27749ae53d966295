/* SPDX-License-Identifier: MIT */
/*
 * The kernel as it is now, and what the last accepted bundle says of it: names
 * and rules live in the daemon's state directory, which root can read.
 */
#ifndef CLI_LIVE_H
#define CLI_LIVE_H

#include "cli.h"
#include "kernel.h"
#include "source.h"

#define LIVE_OPTIONS \
	{ "state-dir", 0, "DIR", "where merlond keeps the bundle in force (default: " \
	  ML_DAEMON_STATE_DIR ")" }

#define LIVE_ACCEPTED "accepted.bundle"	/* in that directory */

struct live {
	struct ml_kernel *kernel;
	struct ml_kernel_status status;
	struct source source;
	struct ml_ruleset rules;
	const struct ml_ruleset *ruleset;	/* &rules; NULL: not known, and @why */
	char why[512];
};

/* -ENOENT: no module. That the rules are not known is no failure. */
int live_open(const struct cli *cli, struct live *ret, struct ml_error *error);
void live_close(struct live *live);

/* The rule with this id, or NULL. */
const struct ml_rule *live_rule(const struct live *live, uint64_t id);
/* As describe_rule(), or {"id"} where the rule is not known; null for id 0. */
json_t *live_rule_json(const struct live *live, uint64_t id);

#endif
