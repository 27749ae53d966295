// SPDX-License-Identifier: MIT
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_log.h"
#include "file.h"
#include "strict.h"

#define WHAT	"configuration"
#define MAX	(64u << 10)

static const char *const address_names[] = {
	[AUDIT_ADDRESS_WHOLE] = "whole",
	[AUDIT_ADDRESS_NETWORK] = "network",
	[AUDIT_ADDRESS_HASHED] = "hashed",
};

void config_host(const char *url, char ret[static ML_URL_MAX + 1])
{
	const char *at = url + strlen("https://");
	size_t length;

	if (*at == '[') {
		at++;
		length = strcspn(at, "]");
	} else {
		length = strcspn(at, ":/");
	}
	snprintf(ret, ML_URL_MAX + 1, "%.*s", (int)length, at);
}

void config_path(const struct config *config, const char *name, char ret[static CONFIG_PATH])
{
	snprintf(ret, CONFIG_PATH, "%.900s/%.100s", config->directory, name);
}

int config_audit_key(const struct config *config, const struct ml_public_key *public,
		     struct ml_note_key *ret, struct ml_error *error)
{
	char name[ML_NOTE_NAME + 1];

	snprintf(name, sizeof(name), "merlon/%s/audit", config->network);
	return ml_note_key_init(name, ML_NOTE_ED25519, public, ret, error);
}

void config_store(const struct config *config, char target[static CONFIG_PATH],
		  struct store_config *ret)
{
	static const char postgres[] = "postgres:";

	if (!strncmp(config->store, postgres, strlen(postgres))) {
		ret->kind = STORE_POSTGRES;
		snprintf(target, CONFIG_PATH, "%s", config->store + strlen(postgres));
	} else {
		ret->kind = STORE_SQLITE;
		config_path(config, "store.db", target);
	}
	ret->target = target;
}

/* ------------------------------------------------------------------ reading */

struct text {
	const char *key;
	char *to;
	size_t size;
};

static int texts_read(const json_t *json, const struct text *texts, size_t count,
		      struct ml_error *error)
{
	const char *text;
	int r;

	for (size_t i = 0; i < count; i++) {
		r = ml_strict_string(json, WHAT, texts[i].key, &text, error);
		if (r)
			return r;
		if (strlen(text) >= texts[i].size)
			return ml_error_set(error, -EBADMSG, WHAT ": \"%s\" is too long", texts[i].key);
		strcpy(texts[i].to, text);
	}
	return 0;
}

static int listen_read(const json_t *json, struct config *ret, struct ml_error *error)
{
	json_t *list, *item;
	size_t i;
	int r = ml_strict_array(json, WHAT, "listen", &list, error);

	if (r)
		return r;
	if (!json_array_size(list) || json_array_size(list) > CONFIG_LISTEN)
		return ml_error_set(error, -EBADMSG, WHAT ": \"listen\" wants 1 to %d addresses",
				    CONFIG_LISTEN);
	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);

		if (!text || strlen(text) >= sizeof(ret->listen[0]))
			return ml_error_set(error, -EBADMSG, WHAT ": \"listen\" has what is no address");
		strcpy(ret->listen[i], text);
	}
	ret->listen_count = json_array_size(list);
	return 0;
}

static int addresses_read(const char *text, enum audit_addresses *ret, struct ml_error *error)
{
	for (size_t i = 0; i < sizeof(address_names) / sizeof(address_names[0]); i++) {
		if (!strcmp(address_names[i], text)) {
			*ret = (enum audit_addresses)i;
			return 0;
		}
	}
	return ml_error_set(error, -EBADMSG, WHAT ": \"auditAddresses\" is none of whole, network and hashed");
}

static int days_read(const json_t *json, struct config *ret, struct ml_error *error)
{
	int64_t days;
	int r = ml_strict_number(json, WHAT, "auditDays", 0, 36500, &days, error);

	if (!r && days && days < AUDIT_LOG_DAYS)
		r = ml_error_set(error, -EBADMSG, WHAT ": \"auditDays\": entries are kept for %d days at least; 0: for ever",
				 AUDIT_LOG_DAYS);
	if (!r)
		ret->audit_days = (int)days;
	return r;
}

static int values_check(struct config *config, const json_t *json, const char *addresses,
			struct ml_error *error)
{
	const json_t *hosted = json_object_get(json, "hosted");

	if (!ml_name_valid(config->network))
		return ml_error_set(error, -EBADMSG, WHAT ": \"network\": " ML_NAME_RULE);
	if (!ml_url_valid(config->url))
		return ml_error_set(error, -EBADMSG, WHAT ": \"url\" must be as https://merlon.example.net");
	if (!json_is_boolean(hosted))
		return ml_error_set(error, -EBADMSG, WHAT ": \"hosted\" must be true or false");
	if (!config->certificate[0] != !config->key[0])
		return ml_error_set(error, -EBADMSG, WHAT ": \"certificate\" and \"certificateKey\" go together");
	config->hosted = json_is_true(hosted);
	config_host(config->url, config->host);
	return addresses_read(addresses, &config->addresses, error);
}

static int config_parse(const json_t *json, struct config *ret, struct ml_error *error)
{
	static const char *const keys[] = { "adminSocket", "auditAddresses", "auditDays",
					    "certificate", "certificateKey", "directory", "hosted",
					    "listen", "network", "signerSocket", "store", "syslog",
					    "url" };
	char addresses[16];
	const struct text texts[] = {
		{ "adminSocket", ret->admin_socket, sizeof(ret->admin_socket) },
		{ "auditAddresses", addresses, sizeof(addresses) },
		{ "certificate", ret->certificate, sizeof(ret->certificate) },
		{ "certificateKey", ret->key, sizeof(ret->key) },
		{ "directory", ret->directory, sizeof(ret->directory) - 110 },
		{ "network", ret->network, sizeof(ret->network) },
		{ "signerSocket", ret->signer_socket, sizeof(ret->signer_socket) },
		{ "store", ret->store, sizeof(ret->store) },
		{ "syslog", ret->syslog, sizeof(ret->syslog) },
		{ "url", ret->url, sizeof(ret->url) },
	};
	int r = ml_strict_keys(json, WHAT, keys, sizeof(keys) / sizeof(keys[0]), error);

	if (!r)
		r = texts_read(json, texts, sizeof(texts) / sizeof(texts[0]), error);
	if (!r)
		r = listen_read(json, ret, error);
	if (!r)
		r = days_read(json, ret, error);
	return r ? r : values_check(ret, json, addresses, error);
}

int config_read_text(const void *text, size_t length, struct config *ret, struct ml_error *error)
{
	struct config config = { .listen_count = 0 };
	json_t *json;
	int r = ml_strict_load(text, length, WHAT, &json, error);

	if (r)
		return r;
	r = config_parse(json, &config, error);
	json_decref(json);
	if (!r)
		*ret = config;
	return r;
}

int config_read(const char *path, struct config *ret, struct ml_error *error)
{
	size_t length;
	uint8_t *text;
	int r = ml_file_read_guarded(path, ML_FILE_TRUSTED, MAX, &text, &length, error);

	if (r)
		return r;
	r = config_read_text(text, length, ret, error);
	free(text);
	return r;
}

/* ------------------------------------------------------------------ writing */

int config_write(const char *path, const struct config *config, struct ml_error *error)
{
	json_t *listen = json_array(), *json;
	char *text;
	int r;

	for (size_t i = 0; listen && i < config->listen_count; i++)
		json_array_append_new(listen, json_string(config->listen[i]));
	json = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:b, s:o, s:s, s:s, s:s, s:s, s:s}",
			 "adminSocket", config->admin_socket,
			 "auditAddresses", address_names[config->addresses],
			 "auditDays", config->audit_days,
			 "certificate", config->certificate, "certificateKey", config->key,
			 "directory", config->directory, "hosted", config->hosted,
			 "listen", listen, "network", config->network,
			 "signerSocket", config->signer_socket, "store", config->store,
			 "syslog", config->syslog, "url", config->url);
	text = json ? json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
	json_decref(json);
	if (!text)
		return ml_error_set(error, -ENOMEM, "out of memory");
	r = ml_file_write_new(path, text, strlen(text), 0644, error);
	free(text);
	return r;
}
