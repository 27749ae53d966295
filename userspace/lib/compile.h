/* SPDX-License-Identifier: MIT */
/*
 * The policy compiler: ruleset in, policy image out. Deterministic: the same
 * ruleset gives the same bytes on any machine.
 */
#ifndef ML_COMPILE_H
#define ML_COMPILE_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "ruleset.h"

/**
 * ml_image_compile - compute classes, rows and pairs, and write the image
 * @ret_image: malloc()ed bytes; untouched on failure
 * @ret_length: in bytes
 *
 * Return: 0; -E2BIG: a limit of linux/merlon.h, which the error names;
 * -EINVAL: a ruleset that is not canonical; -ENOMEM.
 */
int ml_image_compile(const struct ml_ruleset *ruleset, uint8_t **ret_image,
		     size_t *ret_length, struct ml_error *error);

#endif
