/* SPDX-License-Identifier: MIT */
/*
 * JSON of documents that cross a trust boundary: each object has exactly the
 * keys that it must have, each value its type and range. All refusals are
 * -EBADMSG, and say which document (@what) and which key.
 */
#ifndef ML_STRICT_H
#define ML_STRICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "error.h"
#include "keys.h"

/* @ret: an object; duplicate keys and anything behind it are refused. */
int ml_strict_load(const void *data, size_t length, const char *what, json_t **ret,
		   struct ml_error *error);
/* Canonical text: sorted keys, no spaces. malloc()ed; NULL: no memory. */
char *ml_strict_dump(const json_t *value, size_t *ret_length);
/* Is @data the canonical text of @value? No memory counts as no. */
bool ml_strict_canonical(const json_t *value, const void *data, size_t length);

int ml_strict_keys(const json_t *object, const char *what, const char *const *keys,
		   size_t count, struct ml_error *error);

int ml_strict_number(const json_t *object, const char *what, const char *key, int64_t min,
		     int64_t max, int64_t *ret, struct ml_error *error);
/* @ret points into @object. */
int ml_strict_string(const json_t *object, const char *what, const char *key,
		     const char **ret, struct ml_error *error);
int ml_strict_object(const json_t *object, const char *what, const char *key,
		     json_t **ret, struct ml_error *error);
int ml_strict_array(const json_t *object, const char *what, const char *key,
		    json_t **ret, struct ml_error *error);
/* A network's or node's name, by ml_name_valid(). */
int ml_strict_name(const json_t *object, const char *what, const char *key,
		   char ret[static 65], struct ml_error *error);
/* Standard base64 of exactly @size bytes, with its padding. */
int ml_strict_base64(const json_t *object, const char *what, const char *key, uint8_t *ret,
		     size_t size, struct ml_error *error);
/* 64 lower-case hex digits, as text. */
int ml_strict_key_id(const json_t *object, const char *what, const char *key,
		     char ret[static 65], struct ml_error *error);
/* In the form of ml_public_key_format(). */
int ml_strict_public_key(const json_t *object, const char *what, const char *key,
			 struct ml_public_key *ret, struct ml_error *error);
/* 64 lower-case hex digits. */
bool ml_strict_hex32(const char *text, uint8_t ret[static 32]);
int ml_strict_hash(const json_t *object, const char *what, const char *key,
		   uint8_t ret[static 32], struct ml_error *error);
/* The other way; NULL: no memory. */
json_t *ml_strict_hash_json(const uint8_t hash[static 32]);

#endif
