/* SPDX-License-Identifier: MIT */
/* What a policy asks for in vain, or leaves out: who asked is told. */
#ifndef CLI_WARNINGS_H
#define CLI_WARNINGS_H

#include <linux/merlon.h>

#include "bundle.h"
#include "cli.h"
#include "policy.h"

/* "warnings", a list of sentences, and a remark for each. */
void warnings_of_policy(const struct cli *cli, const struct ml_policy *policy);

#define WARNINGS_OF_LEAF 2

/* The same of a node's bundle: of what can be seen in its leaf. */
void warnings_of_bundle(const struct cli *cli, struct ml_bytes file);
/* @armed: of this machine, or UNSPEC. Return: how many. */
size_t warnings_of_leaf(struct ml_bytes leaf, enum merlon_scope armed,
			const char *ret[static WARNINGS_OF_LEAF]);

#endif
