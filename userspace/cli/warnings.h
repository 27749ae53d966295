/* SPDX-License-Identifier: MIT */
/* What a policy asks for in vain, or leaves out: who asked is told. */
#ifndef CLI_WARNINGS_H
#define CLI_WARNINGS_H

#include "bundle.h"
#include "cli.h"
#include "policy.h"

/* "warnings", a list of sentences, and a remark for each. */
void warnings_of_policy(const struct cli *cli, const struct ml_policy *policy);

/* The same of a node's bundle, of which the scope alone is looked at. */
void warnings_of_bundle(const struct cli *cli, struct ml_bytes file);
/* NULL: nothing to warn of. */
const char *warning_of_leaf(struct ml_bytes leaf);

#endif
