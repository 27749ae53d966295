// SPDX-License-Identifier: MIT
#include "key_string.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "base64.h"
#include "locked.h"

#define HEAD_BYTES	96	/* in front of the URL */
#define CHECK_BYTES	8
#define URL_MIN		9	/* "https://a" */
#define BODY_MIN	(HEAD_BYTES + URL_MIN + CHECK_BYTES)
#define BODY_MAX	(HEAD_BYTES + ML_URL_MAX + CHECK_BYTES)
#define VARIANT		sodium_base64_VARIANT_URLSAFE_NO_PADDING

_Static_assert(sizeof(ML_KEY_STRING_PREFIX) + BODY_MAX / 3 * 4 + 4 <= ML_KEY_STRING_TEXT,
	       "any key string fits");

/* The seed passes through here. */
struct body {
	size_t length;
	uint8_t bytes[BODY_MAX];
};

/* -------------------------------------------------------------------- URL */

#define DIGITS	"0123456789"
#define LETTERS	"abcdefghijklmnopqrstuvwxyz"
#define UPPER	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool host_valid(const char *host, size_t length)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr binary;

	if (!length)
		return false;
	if (host[0] != '[')
		return strspn(host, LETTERS UPPER DIGITS ".-") >= length && host[0] != '.' &&
		       host[0] != '-';
	if (host[length - 1] != ']' || length < 4 || length - 2 >= sizeof(address))
		return false;
	memcpy(address, host + 1, length - 2);
	address[length - 2] = 0;
	return inet_pton(AF_INET6, address, &binary) == 1;
}

static bool port_valid(const char *port, size_t length)
{
	unsigned int number = 0;
	size_t i;

	if (!length || length > 5 || port[0] == '0' || strspn(port, DIGITS) < length)
		return false;
	for (i = 0; i < length; i++)
		number = 10 * number + (unsigned int)(port[i] - '0');
	return number <= 65535;
}

static bool path_valid(const char *path)
{
	return path[strspn(path, LETTERS UPPER DIGITS "/-._~")] == 0 && !strstr(path, "//") &&
	       !strstr(path, "/.");
}

bool ml_url_valid(const char *url)
{
	size_t authority, host;

	if (strncmp(url, "https://", 8) != 0 || strlen(url) > ML_URL_MAX || strlen(url) < URL_MIN)
		return false;
	url += 8;
	authority = strcspn(url, "/");
	host = url[0] == '[' ? strcspn(url, "]") + 1 : strcspn(url, ":/");
	if (host > authority || !host_valid(url, host))
		return false;
	if (host < authority &&
	    (url[host] != ':' || !port_valid(url + host + 1, authority - host - 1)))
		return false;
	return path_valid(url + authority);
}

/* ------------------------------------------------------------------- text */

/* Over @bytes, which are the body without its check. */
static void body_check(const uint8_t *bytes, size_t length, uint8_t ret[static CHECK_BYTES])
{
	crypto_hash_sha256_state state;
	uint8_t digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const uint8_t *)ML_KEY_STRING_PREFIX,
				  strlen(ML_KEY_STRING_PREFIX));
	crypto_hash_sha256_update(&state, bytes, length);
	crypto_hash_sha256_final(&state, digest);
	memcpy(ret, digest, CHECK_BYTES);
	/* Of a seed: the state has its bytes in it. */
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(digest, sizeof(digest));
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int text_trim(const char **text, size_t *length, struct ml_error *error)
{
	while (*length && blank((*text)[*length - 1]))
		(*length)--;
	while (*length && blank((*text)[0])) {
		(*text)++;
		(*length)--;
	}
	if (*length < strlen(ML_KEY_STRING_PREFIX) ||
	    memcmp(*text, ML_KEY_STRING_PREFIX, strlen(ML_KEY_STRING_PREFIX)) != 0)
		return ml_error_set(error, -EINVAL,
				    "not a key of Merlon: it must start with \"" ML_KEY_STRING_PREFIX "\"");
	*text += strlen(ML_KEY_STRING_PREFIX);
	*length -= strlen(ML_KEY_STRING_PREFIX);
	return 0;
}

static int body_decode(struct body *body, const char *text, size_t length,
		       struct ml_error *error)
{
	uint8_t check[CHECK_BYTES];
	size_t i;

	for (i = 0; i < length; i++)
		if (blank(text[i]))
			return ml_error_set(error, -EINVAL,
					    "the key has a blank or a line end inside: paste it as one line");
	if (!ml_base64_decode_variant(text, length, VARIANT, body->bytes, sizeof(body->bytes),
				      &body->length) || body->length < BODY_MIN)
		return ml_error_set(error, -EINVAL,
				    "the key is damaged: a part of it is missing, or characters were changed: copy it again, from its first letter to its last");
	body_check(body->bytes, body->length - CHECK_BYTES, check);
	if (sodium_memcmp(check, body->bytes + body->length - CHECK_BYTES, CHECK_BYTES))
		return ml_error_set(error, -EINVAL,
				    "the key is damaged: its check does not fit: copy it again, from its first letter to its last");
	return 0;
}

static int body_split(const struct body *body, struct ml_key_string *ret,
		      struct ml_error *error)
{
	size_t url_length = body->length - HEAD_BYTES - CHECK_BYTES;

	memcpy(ret->seed, body->bytes, 32);
	memcpy(ret->root_digest, body->bytes + 32, 32);
	memcpy(ret->server_digest, body->bytes + 64, 32);
	memcpy(ret->url, body->bytes + HEAD_BYTES, url_length);
	ret->url[url_length] = 0;
	if (strlen(ret->url) != url_length || !ml_url_valid(ret->url))
		return ml_error_set(error, -EINVAL,
				    "the key names no server: its URL must be like https://control.example.org:8443");
	return 0;
}

int ml_key_string_parse(const char *text, size_t length, struct ml_key_string **ret,
			struct ml_error *error)
{
	struct ml_key_string *key;
	struct body *body;
	int r;

	r = text_trim(&text, &length, error);
	if (r)
		return r;
	body = ml_locked_alloc(sizeof(*body), "a key", error);
	key = body ? ml_locked_alloc(sizeof(*key), "a key", error) : NULL;
	r = key ? body_decode(body, text, length, error) : -ENOMEM;
	if (!r)
		r = body_split(body, key, error);
	ml_locked_free(body);
	if (r) {
		ml_locked_free(key);
		return r;
	}
	*ret = key;
	return 0;
}

void ml_key_string_free(struct ml_key_string *key)
{
	ml_locked_free(key);
}

static void body_join(const struct ml_key_string *key, struct body *ret)
{
	size_t url_length = strlen(key->url);

	memcpy(ret->bytes, key->seed, 32);
	memcpy(ret->bytes + 32, key->root_digest, 32);
	memcpy(ret->bytes + 64, key->server_digest, 32);
	memcpy(ret->bytes + HEAD_BYTES, key->url, url_length);
	ret->length = HEAD_BYTES + url_length + CHECK_BYTES;
	body_check(ret->bytes, ret->length - CHECK_BYTES,
		   ret->bytes + ret->length - CHECK_BYTES);
}

int ml_key_string_format(const struct ml_key_string *key, char **ret,
			 struct ml_error *error)
{
	size_t prefix = strlen(ML_KEY_STRING_PREFIX);
	struct body *body;
	char *text;

	if (!ml_url_valid(key->url))
		return ml_error_set(error, -EINVAL,
				    "\"%.255s\" is no server's URL: it must be like https://control.example.org:8443",
				    key->url);
	body = ml_locked_alloc(sizeof(*body), "a key", error);
	text = body ? ml_locked_alloc(ML_KEY_STRING_TEXT, "a key", error) : NULL;
	if (text) {
		body_join(key, body);
		memcpy(text, ML_KEY_STRING_PREFIX, prefix);
		sodium_bin2base64(text + prefix, ML_KEY_STRING_TEXT - prefix, body->bytes,
				  body->length, VARIANT);
	}
	ml_locked_free(body);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}
