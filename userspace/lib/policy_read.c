// SPDX-License-Identifier: MIT
#include "policy_read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int ml_policy_fail_at(struct policy_reader *reader, int code, unsigned int line,
		      unsigned int column, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ml_text_printable(text);
	return ml_error_at(reader->error, code, reader->policy->file, line, column, "%s", text);
}

int ml_policy_no_memory(struct policy_reader *reader)
{
	return ml_error_set(reader->error, -ENOMEM, "out of memory");
}

int ml_policy_expect(struct policy_reader *reader, const struct ml_hujson_value *value,
		     enum ml_hujson_type type, const char *what)
{
	struct ml_hujson_value wanted = { .type = (uint8_t)type };

	if (value->type == type)
		return 0;
	return policy_fail(reader, value, "%s: expected %s, found %s", what,
			   ml_hujson_type_name(&wanted), ml_hujson_type_name(value));
}

static bool is_empty(const struct ml_hujson_value *value)
{
	return value->type == ML_HUJSON_NULL ||
	       (value->type == ML_HUJSON_ARRAY && !value->array.count);
}

static int field_unknown(struct policy_reader *reader, const struct ml_hujson_member *member,
			 const char *what, const struct policy_field *fields, size_t count)
{
	struct policy_guess guess = { .wanted = member->key };
	char keys[256] = "", did_you_mean[POLICY_MAX_NAME + 32];
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		if (fields[i].rule >= POLICY_FIELD_REFUSED)
			continue;
		ml_policy_guess_offer(&guess, fields[i].key);
		used += (size_t)snprintf(keys + used, sizeof(keys) - used, "%s%s",
					 used ? ", " : "", fields[i].key);
		if (used >= sizeof(keys))
			break;
	}
	return policy_fail(reader, member, "%s: unknown key \"%.64s\"; expected one of %s%s", what,
			   member->key, keys,
			   ml_policy_guess_text(&guess, did_you_mean, sizeof(did_you_mean)));
}

static const struct policy_field *field_find(const struct policy_field *fields, size_t count,
					     const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(fields[i].key, key))
			return &fields[i];
	return NULL;
}

static bool is_refused(const struct policy_field *field, const struct ml_hujson_member *member)
{
	return field->rule == POLICY_FIELD_REFUSED ||
	       (field->rule == POLICY_FIELD_REFUSED_UNLESS_EMPTY && !is_empty(&member->value));
}

/* One run tells of all: the first with its place, the others by name. */
static int field_refuse(struct policy_reader *reader, const struct ml_hujson_value *object,
			size_t index, const struct policy_field *fields, size_t count,
			const char *what)
{
	const struct ml_hujson_member *members = object->object.members;
	const struct policy_field *field = field_find(fields, count, members[index].key), *other;
	char others[256] = "";
	size_t used = 0;

	for (size_t i = index + 1; i < object->object.count && used < sizeof(others); i++) {
		other = field_find(fields, count, members[i].key);
		if (other && is_refused(other, &members[i]))
			used += (size_t)snprintf(others + used, sizeof(others) - used,
						 "%s \"%s\"", used ? "," : "; nor are",
						 other->key);
	}
	return policy_fail_code(reader, -EOPNOTSUPP, &members[index],
				"%s: \"%s\" is not supported by Merlon%s%s%s", what, field->key,
				field->instead ? "; " : "",
				field->instead ? field->instead : "", others);
}

static int fields_require(struct policy_reader *reader, const struct ml_hujson_value *object,
			  const char *what, const struct policy_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fields[i].rule == POLICY_FIELD_REQUIRED && fields[i].ret &&
		    !*fields[i].ret)
			return policy_fail(reader, object, "%s: expected a key \"%s\"", what,
					   fields[i].key);
	return 0;
}

int ml_policy_fields(struct policy_reader *reader, const struct ml_hujson_value *object,
		     const char *what, const struct policy_field *fields, size_t count)
{
	int err = ml_policy_expect(reader, object, ML_HUJSON_OBJECT, what);

	for (size_t i = 0; !err && i < object->object.count; i++) {
		const struct ml_hujson_member *member = &object->object.members[i];
		const struct policy_field *field = field_find(fields, count, member->key);

		if (!field)
			return field_unknown(reader, member, what, fields, count);
		if (is_refused(field, member))
			return field_refuse(reader, object, i, fields, count, what);
		if (field->ret)
			*field->ret = &member->value;
	}
	return err ? err : fields_require(reader, object, what, fields, count);
}

int ml_policy_expect_strings(struct policy_reader *reader, const struct ml_hujson_value *value,
			     const char *what)
{
	int err;

	if (value->type != ML_HUJSON_ARRAY)
		return policy_fail(reader, value, "%s: expected an array of strings, found %s", what,
				   ml_hujson_type_name(value));
	for (size_t i = 0; i < value->array.count; i++) {
		err = ml_policy_expect(reader, &value->array.items[i], ML_HUJSON_STRING, what);
		if (err)
			return err;
	}
	return 0;
}

int ml_policy_read_bool(struct policy_reader *reader, const struct ml_hujson_value *value,
			const char *what, bool *ret)
{
	int err = ml_policy_expect(reader, value, ML_HUJSON_BOOL, what);

	if (!err)
		*ret = value->boolean;
	return err;
}

int ml_policy_read_strings(struct policy_reader *reader, const struct ml_hujson_value *value,
			   const char *what, const char ***ret, size_t *ret_count)
{
	const char **strings;
	int err = ml_policy_expect_strings(reader, value, what);

	if (err)
		return err;
	strings = ml_arena_alloc(&reader->policy->arena, value->array.count * sizeof(*strings));
	if (!strings)
		return ml_policy_no_memory(reader);
	for (size_t i = 0; i < value->array.count; i++)
		strings[i] = value->array.items[i].string.text;
	*ret = strings;
	*ret_count = value->array.count;
	return 0;
}

int ml_policy_read_word(struct policy_reader *reader, const struct ml_hujson_value *value,
			const char *what, const char *const *words, size_t count, size_t *ret)
{
	char expected[128] = "";
	size_t used = 0;
	int err = ml_policy_expect(reader, value, ML_HUJSON_STRING, what);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(words[i], value->string.text)) {
			*ret = i;
			return 0;
		}
		used += (size_t)snprintf(expected + used, sizeof(expected) - used, "%s\"%s\"",
					 used ? " or " : "", words[i]);
	}
	return policy_fail(reader, value, "%s: expected %s, found \"%.64s\"", what, expected,
			   value->string.text);
}

int ml_policy_read_protocol(struct policy_reader *reader, const struct ml_hujson_value *value,
			    const char **ret)
{
	int err = ml_policy_expect(reader, value, ML_HUJSON_STRING, "proto");

	if (err)
		return err;
	*ret = value->string.length ? value->string.text : NULL;
	if (!*ret || ml_service_protocol_known(*ret))
		return 0;
	return policy_fail(reader, value, "proto: unknown protocol \"%.64s\"; expected tcp, udp, icmp "
			   "or another name, or a number from 1 to 255", *ret);
}

/* No packet carries an IPv4-mapped address; whoever writes one means the IPv4 address. */
int ml_policy_check_prefix(struct policy_reader *reader, const struct ml_prefix *prefix,
			   const struct ml_hujson_value *value)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ml_prefix meant = { .family = AF_INET };
	char text[ML_PREFIX_TEXT];

	if (prefix->family != AF_INET6 || prefix->length < 96 ||
	    memcmp(prefix->address, mapped, sizeof(mapped)) != 0)
		return 0;
	meant.length = prefix->length - 96;
	memcpy(meant.address, prefix->address + 12, 4);
	return policy_fail(reader, value, "an IPv4 address written as IPv6; expected %s",
			   ml_prefix_format(&meant, text));
}

int ml_policy_read_prefix(struct policy_reader *reader, const char *text,
			  const struct ml_hujson_value *value, struct ml_prefix *ret)
{
	char meant[ML_PREFIX_TEXT];
	int err = ml_prefix_parse(text, ret);

	if (err == -ERANGE)
		return policy_fail(reader, value, "\"%s\" has bits set behind its length; expected %s",
				   text, ml_prefix_format(ret, meant));
	if (err)
		return policy_fail(reader, value, "\"%.64s\" is not an address; expected for example "
				   "192.0.2.1, 192.0.2.0/24 or 2001:db8::/32", text);
	return ml_policy_check_prefix(reader, ret, value);
}

static bool is_device_name(const char *name)
{
	size_t length = strlen(name);

	if (!length || length > 15 || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if ((unsigned char)*name <= ' ' || (unsigned char)*name >= 0x7f ||
		    strchr("/:\"\\%", *name))
			return false;
	return true;
}

int ml_policy_read_device(struct policy_reader *reader, const struct ml_hujson_value *value,
			  const char *what, const char **ret)
{
	int err = ml_policy_expect(reader, value, ML_HUJSON_STRING, what);

	if (err)
		return err;
	*ret = value->string.text;
	if (is_device_name(*ret))
		return 0;
	return policy_fail(reader, value, "\"%.64s\" is not the name of a device; expected 1 to 15 "
			   "letters, digits and signs but / : %% \" \\", *ret);
}

bool ml_policy_name_valid(const char *name)
{
	size_t length = strlen(name);

	if (!length || length > POLICY_MAX_NAME)
		return false;
	for (; *name; name++)
		if ((unsigned char)*name <= ' ' || *name == 0x7f || strchr("\"\\:*,", *name))
			return false;
	return true;
}

bool ml_policy_reads_as_address(const char *text)
{
	struct ml_prefix prefix;
	struct ml_range range;

	return ml_prefix_parse(text, &prefix) != -EINVAL || !ml_range_parse(text, &range);
}

int ml_policy_check_name(struct policy_reader *reader, const struct ml_hujson_member *member,
			 const char *prefix)
{
	size_t length = strlen(prefix);

	if (strncmp(member->key, prefix, length) != 0)
		return policy_fail(reader, member, "\"%.64s\": expected a name that begins with \"%s\"",
				   member->key, prefix);
	if (!ml_policy_name_valid(member->key + length))
		return policy_fail(reader, member, "\"%.64s\": expected a name of 1 to %u bytes without "
				   "blanks, quotes, backslashes, colons, commas and stars",
				   member->key, POLICY_MAX_NAME);
	return 0;
}

#define GUESS_LONGEST 48u

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many letters must be changed, added or taken away. */
static unsigned int edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned int row[GUESS_LONGEST + 1];

	for (unsigned int j = 0; j <= b_length; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= a_length; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= b_length; j++) {
			unsigned int above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1,
				       diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_length];
}

void ml_policy_guess_offer(struct policy_guess *guess, const char *candidate)
{
	size_t wanted = strlen(guess->wanted), length = strlen(candidate);
	unsigned int distance;

	if (wanted > GUESS_LONGEST || length > GUESS_LONGEST ||
	    length > wanted + 2 || wanted > length + 2)
		return;
	if (!strcasecmp(guess->wanted, candidate))
		distance = 0;
	else
		distance = edit_distance(guess->wanted, wanted, candidate, length);
	if (distance > 2 || distance * 3 > wanted || (guess->best && distance >= guess->distance))
		return;
	guess->best = candidate;
	guess->distance = distance;
}

void ml_policy_guess_names(struct policy_guess *guess, const struct ml_policy *policy,
			   enum policy_kind kind)
{
	for (size_t i = 0; i < policy->names.count; i++)
		if (policy->names.items[i].kind == kind)
			ml_policy_guess_offer(guess, policy->names.items[i].text);
}

const char *ml_policy_guess_text(const struct policy_guess *guess, char *buffer, size_t size)
{
	if (guess->best)
		snprintf(buffer, size, "; did you mean \"%s\"?", guess->best);
	else
		snprintf(buffer, size, "%s", "");
	return buffer;
}
