// SPDX-License-Identifier: MIT
#include "request.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "date.h"
#include "strict.h"

/*
 * X25519 ignores the highest bit (RFC 7748, 5), and WireGuard compares all of them:
 * with it, one key would have two names.
 */
int ml_request_wireguard(const json_t *json, const char *what, uint8_t ret[static 32],
			 struct ml_error *error)
{
	int r;

	r = ml_strict_base64(json, what, "wireguard", ret, 32, error);
	if (!r && ret[31] & 0x80)
		r = ml_error_set(error, -EBADMSG, "%s: \"wireguard\" is no X25519 key", what);
	return r;
}

json_t *ml_request_base64(const uint8_t *data, size_t length)
{
	char text[sodium_base64_ENCODED_LEN(256, sodium_base64_VARIANT_ORIGINAL)];

	if (length > 256)
		return NULL;
	sodium_bin2base64(text, sizeof(text), data, length, sodium_base64_VARIANT_ORIGINAL);
	return json_string(text);
}

int ml_request_check_node(const struct ml_document_kind *kind, const char *network,
			  const char *node, const struct ml_known_node *known,
			  struct ml_error *error)
{
	int r;

	r = ml_document_check_network(kind, network, known->network, error);
	if (r || !strcmp(node, known->node))
		return r;
	return ml_error_set(error, -EXDEV, "%s: is of node \"%s\", and this is \"%s\"",
			    kind->what, node, known->node);
}

int ml_request_check_names(const char *network, const char *node, struct ml_error *error)
{
	if (!ml_name_valid(network))
		return ml_error_set(error, -EINVAL, "network \"%.80s\": " ML_NAME_RULE,
				    network);
	if (!ml_name_valid(node))
		return ml_error_set(error, -EINVAL, "node \"%.80s\": " ML_NAME_RULE, node);
	return 0;
}

int ml_request_check_time(int64_t time, struct ml_error *error)
{
	if (time >= 0 && time <= ML_DATE_MAX)
		return 0;
	return ml_error_set(error, -EINVAL,
			    "this machine's clock is outside of 1970 to 9999: set it");
}
