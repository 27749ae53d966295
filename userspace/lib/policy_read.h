/* SPDX-License-Identifier: MIT */
/*
 * Reading typed things out of HuJSON values, with errors that name the place
 * and what was expected.
 */
#ifndef ML_POLICY_READ_H
#define ML_POLICY_READ_H

#include "policy_model.h"

/* @where: a struct ml_hujson_value or ml_hujson_member. Returns the code. */
#define policy_fail_code(reader, code, where, ...) \
	ml_policy_fail_at(reader, code, (where)->line, (where)->column, __VA_ARGS__)
#define policy_fail(reader, where, ...) policy_fail_code(reader, -EINVAL, where, __VA_ARGS__)

int ml_policy_fail_at(struct policy_reader *reader, int code, unsigned int line,
		      unsigned int column, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
int ml_policy_no_memory(struct policy_reader *reader);

enum policy_field_rule {
	POLICY_FIELD_OPTIONAL,
	POLICY_FIELD_REQUIRED,
	POLICY_FIELD_REFUSED,	/* Tailscale's, and not Merlon's */
	POLICY_FIELD_REFUSED_UNLESS_EMPTY,	/* null and [] say nothing */
};

struct policy_field {
	const char *key;
	enum policy_field_rule rule;
	const struct ml_hujson_value **ret;	/* filled where the key is there */
	const char *instead;			/* refused: what to do, or NULL */
};

/* Checks that @object is one, and sorts its values; @what: "a grant", ... */
int ml_policy_fields(struct policy_reader *reader, const struct ml_hujson_value *object,
		     const char *what, const struct policy_field *fields, size_t count);

int ml_policy_expect(struct policy_reader *reader, const struct ml_hujson_value *value,
		     enum ml_hujson_type type, const char *what);
/* An array of strings. */
int ml_policy_expect_strings(struct policy_reader *reader, const struct ml_hujson_value *value,
			     const char *what);
int ml_policy_read_bool(struct policy_reader *reader, const struct ml_hujson_value *value,
			const char *what, bool *ret);
/* An array of strings, kept: @ret is in the arena. */
int ml_policy_read_strings(struct policy_reader *reader, const struct ml_hujson_value *value,
			   const char *what, const char ***ret, size_t *ret_count);
/* One of @words, by its index. */
int ml_policy_read_word(struct policy_reader *reader, const struct ml_hujson_value *value,
			const char *what, const char *const *words, size_t count, size_t *ret);
/* `proto`: a name or a number; "" says nothing, and @ret is NULL. */
int ml_policy_read_protocol(struct policy_reader *reader, const struct ml_hujson_value *value,
			    const char **ret);
/* An address without length, or a prefix; says which was probably meant. */
int ml_policy_read_prefix(struct policy_reader *reader, const char *text,
			  const struct ml_hujson_value *value, struct ml_prefix *ret);
/* What a network device can be called. */
int ml_policy_read_device(struct policy_reader *reader, const struct ml_hujson_value *value,
			  const char *what, const char **ret);
/* What is well-formed but cannot be meant. */
int ml_policy_check_prefix(struct policy_reader *reader, const struct ml_prefix *prefix,
			   const struct ml_hujson_value *value);

/* The name behind @prefix ("group:"): not empty, short, no blanks, colons or quotes. */
int ml_policy_check_name(struct policy_reader *reader, const struct ml_hujson_member *member,
			 const char *prefix);
bool ml_policy_name_valid(const char *name);
/* An address, a prefix, a range, or one of them with a mistake in it: no name for anything. */
bool ml_policy_reads_as_address(const char *text);

/* The nearest of the candidates that are offered: "did you mean ...". */
struct policy_guess {
	const char *wanted, *best;
	unsigned int distance;
};

void ml_policy_guess_offer(struct policy_guess *guess, const char *candidate);
/* Offers every defined name of @kind. */
void ml_policy_guess_names(struct policy_guess *guess, const struct ml_policy *policy,
			   enum policy_kind kind);
/* "; did you mean \"x\"?" or "" */
const char *ml_policy_guess_text(const struct policy_guess *guess, char *buffer, size_t size);

#endif
