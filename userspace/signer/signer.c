// SPDX-License-Identifier: MIT
#include "signer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "date.h"
#include "strict.h"

int64_t signer_boot(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return time.tv_sec;
}

int64_t signer_now(const struct signer *signer)
{
	int64_t floor = signer->floor ? signer->floor + signer_boot() - signer->floor_boot : 0;

	return ml_date_later(ml_date_now(), floor);
}

int signer_record(struct signer *signer, enum ledger_type type, json_t *header,
		  struct ml_bytes body, struct ml_error *error)
{
	struct ledger_record record = { .type = type, .body = body };
	char *text = header ? ml_strict_dump(header, &record.header.length) : NULL;
	int r;

	json_decref(header);
	if (!text)
		return ml_error_set(error, -ENOMEM, "out of memory");
	record.header.data = (const uint8_t *)text;
	r = ledger_append(&signer->ledger, &record, error);
	free(text);
	/* Whether it is on the disk is not known: who starts again will see. */
	return r ? ml_error_set(error, -EIO, "%s", error ? error->text : "") : 0;
}

static int begin(struct signer *signer, struct ml_error *error)
{
	char root[65];

	if (!signer->network[0])
		return ml_error_set(error, -ENOENT, "there is no ledger yet: begin one with the network's "
				    "name and the digest of its first root document");
	sodium_bin2hex(root, sizeof(root), signer->root_digest, sizeof(signer->root_digest));
	return signer_record(signer, LEDGER_BEGIN,
			     json_pack("{s:s, s:s, s:I}", "network", signer->network, "root", root,
				       "time", (json_int_t)ml_date_now()),
			     (struct ml_bytes){ NULL, 0 }, error);
}

/* With a policy, its source is parsed; with a statement, its parts are made again. */
static int settle(struct signer *signer, struct ml_error *error)
{
	struct ml_error why;
	int r = 0;

	if (!signer->ledger.records)
		r = begin(signer, error);
	if (!r && signer->has_policy)
		r = enrolled_base(signer, &signer->policy, &signer->base, error);
	if (!r && signer->has_statement && !signer->changed && issue_remake(signer, &why))
		signer->changed = true;
	return r;
}

static int signer_read(struct signer *signer, int directory, struct ml_error *error)
{
	struct ledger ledger;
	int r;

	r = ledger_open(directory, "ledger", replay_record, signer, &ledger, error);
	signer->ledger = (struct ledger){ .fd = -1 };
	if (r)
		return r;
	signer->ledger = ledger;
	return settle(signer, error);
}

int signer_open(int directory, const char *network, const uint8_t *root_digest,
		struct ml_secret_key *key, struct signer **ret, struct ml_error *error)
{
	struct signer *signer = calloc(1, sizeof(*signer));
	int r;

	if (!signer || !(signer->blocks = ml_blocks_new())) {
		free(signer);
		ml_secret_key_free(key);
		return ml_error_set(error, -ENOMEM, "out of memory");
	}
	signer->key = key;
	signer->ledger.fd = -1;
	ml_secret_key_public(key, &signer->public);
	ml_public_key_id(&signer->public, signer->key_id);
	if (network) {
		strncpy(signer->network, network, sizeof(signer->network) - 1);
		memcpy(signer->root_digest, root_digest, sizeof(signer->root_digest));
	}
	r = signer_read(signer, directory, error);
	if (r)
		signer_close(signer);
	else
		*ret = signer;
	return r;
}

void signer_close(struct signer *signer)
{
	ml_generation_free(signer->generation);
	ml_blocks_free(signer->blocks);
	ml_policy_free(signer->base);
	ml_policy_document_clean(&signer->policy);
	for (size_t i = 0; i < signer->grant_count; i++)
		free((void *)signer->grants[i].envelope.data);
	for (size_t i = 0; i < signer->node_count; i++)
		free((void *)signer->nodes[i].envelope.data);
	free((void *)signer->envelope.data);
	free(signer->grants);
	free(signer->nodes);
	free(signer->traces);
	if (signer->ledger.fd >= 0)
		ledger_close(&signer->ledger);
	ml_secret_key_free(signer->key);
	free(signer);
}
