// SPDX-License-Identifier: MIT
/*
 * From bytes to a generation in force.
 *
 * ORDER: what must hold at every moment, since any of them can be the last:
 *
 *   - what was acknowledged to a client is never lost;
 *   - neither the kernel nor the watermark ever goes back, across reboots too;
 *   - the watermark is never above what can be loaded again;
 *   - a bundle that the kernel refuses costs nothing: the one before it stays
 *     in the kernel, and stays what is loaded after a reboot.
 *
 * The kernel forgets at reboot, the directory does not, and nothing changes
 * both at once. So the steps of an apply are
 *
 *   1. candidate.bundle written (temporary file, fsync, rename, fsync)
 *   2. the kernel takes the generation, or refuses: then the candidate is
 *      removed, and all is as before
 *   3. candidate.bundle renamed to accepted.bundle, directory fsynced
 *   4. watermark written
 *   5. acknowledged
 *
 * Where the WireGuard device is merlond's own, too, 2 begins with what is taken from
 * it (and refused by what cannot be), and what comes is given behind 4. A death leaves
 * it with less than either generation has; what is missing is seen by comparing it with
 * the bundle in force, which every start does: see tunnel.h.
 *
 * Dead between 1 and 2: the candidate is newer than the watermark and verified;
 * at start it is tried again, as if it were offered. Between 2 and 3: the kernel
 * holds it, so it counts as accepted, even if it has expired since, and the
 * watermark is raised to it before anything else is looked at; after a
 * reboot the kernel is empty and the candidate, not the older accepted bundle,
 * is tried first: packets were judged by it, there is no way back. Between 3
 * and 4: accepted.bundle is above the watermark, which is raised to it.
 * Between 4 and 5: the client asks again and is told -EALREADY.
 *
 * The candidate must be on disk before the kernel has it: the other way round
 * a reboot would load an older generation than packets were judged by. It must
 * not take the name of the accepted one before: the kernel may refuse it, and
 * a reboot would then find nothing that can be loaded. The watermark comes
 * last: were it first, a death behind it would leave a machine that refuses
 * the very bundle that it does not have.
 */
#include "apply.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "sha256.h"
#include "store.h"
#include "tunnel.h"

/* Names that a scan looks at; more are never written. */
#define PENDING_NAMES MESSAGE_PENDING

/* A pending bundle that is due, and cannot be taken for a reason that may pass. */
#define RETRY_SECONDS 10
#define RETRY_MAX_SECONDS 300

static struct message_log fields_of(const struct ml_statement *statement, int code)
{
	struct message_log fields = { .code = code };

	fields.epoch = statement->epoch;
	fields.serial = statement->serial;
	return fields;
}

static int compare(uint64_t epoch, uint64_t serial, uint64_t other_epoch,
		   uint64_t other_serial)
{
	if (epoch != other_epoch)
		return epoch < other_epoch ? -1 : 1;
	return serial < other_serial ? -1 : serial > other_serial;
}

/* ------------------------------------------------------------ verification */

static enum merlon_scope scope_asked(const struct ml_bundle *bundle)
{
	json_t *leaf = json_loadb((const char *)bundle->leaf.data, bundle->leaf.length,
				  JSON_REJECT_DUPLICATES, NULL);
	const json_t *config = json_object_get(leaf, "config");
	const char *name = json_string_value(json_object_get(config, "scope"));
	enum merlon_scope scope = MERLON_SCOPE_UNSPEC;

	if (name && !strcmp(name, ml_scope_name(MERLON_SCOPE_TUNNELS)))
		scope = MERLON_SCOPE_TUNNELS;
	else if (name && !strcmp(name, ml_scope_name(MERLON_SCOPE_EVERYTHING)))
		scope = MERLON_SCOPE_EVERYTHING;
	json_decref(leaf);
	return scope;
}

/*
 * For what is safe to forget: the start after this one finds it out again. A
 * disk that is full must not keep a machine from its last policy.
 */
static void keep_watermark(struct apply *apply)
{
	struct ml_error error;

	if (store_try_write_watermark(&apply->watermark, &error))
		log_line(LOG_ERR, "watermark", "the watermark is not on disk: %s", error.text);
}

/* The floor rises by whatever was verified, applied or not. */
static int verify(struct apply *apply, struct ml_bytes file, struct ml_bundle *ret,
		  struct ml_error *error)
{
	int code = ml_bundle_verify(file, &apply->agent->trust, ret, error);

	if (code)
		return code;
	if (ret->statement.issued > apply->watermark.floor) {
		apply->watermark.floor = ret->statement.issued;
		keep_watermark(apply);
	}
	return 0;
}

/*
 * Dates alone, for what was accepted before: that was at its not-before or
 * later, so it is not earlier now, whatever the clock says since the reboot.
 */
static int judge_dates(const struct apply *apply, const struct ml_statement *statement,
		       uint64_t *ret_lifetime, struct ml_error *error)
{
	struct ml_watermark none = { .floor = apply->watermark.floor };

	if (none.floor < statement->not_before)
		none.floor = statement->not_before;
	return ml_statement_judge(statement, &none, time(NULL), ret_lifetime, error);
}

static bool holds(const struct ml_kernel_status *status, const struct ml_bundle *bundle)
{
	return status->has_generation && status->epoch == bundle->statement.epoch &&
	       status->serial == bundle->statement.serial &&
	       !memcmp(status->digest, bundle->image_digest, sizeof(status->digest));
}

/* Also past its lifetime, which the kernel may end before the signed date. */
static bool in_kernel(struct apply *apply, const struct ml_bundle *bundle)
{
	struct ml_kernel_status status;

	report_kernel(apply, &status);
	return holds(&status, bundle);
}

/* -EALREADY: in force; -ETIME: was; 0: the kernel does not have it. */
static int judge_held(struct apply *apply, const struct ml_bundle *bundle,
		      struct ml_error *error)
{
	uintmax_t epoch = bundle->statement.epoch, serial = bundle->statement.serial;
	struct ml_kernel_status status;

	report_kernel(apply, &status);
	if (!holds(&status, bundle))
		return 0;
	if (status.lifetime_ms)
		return ml_error_set(error, -EALREADY, "generation %ju.%ju is in force already",
				    epoch, serial);
	return ml_error_set(error, -ETIME, "generation %ju.%ju has expired in the kernel: "
			    "renew it, that is, sign it again with a higher serial", epoch,
			    serial);
}

/*
 * What tells two documents under one number apart: the root of the last accepted
 * bundle; where that is lost, the image that the watermark remembers.
 */
static bool is_another(const struct apply *apply, const struct ml_bundle *bundle)
{
	static const uint8_t unknown[sizeof(apply->watermark.image_digest)];

	if (apply->has_accepted)
		return memcmp(bundle->statement.root, apply->accepted.root,
			      sizeof(bundle->statement.root));
	return memcmp(apply->watermark.image_digest, unknown, sizeof(unknown)) &&
	       memcmp(apply->watermark.image_digest, bundle->image_digest,
		      sizeof(bundle->image_digest));
}

/* Exactly the watermark's serial: a repeat, or another document under its number. */
static int judge_repeat(struct apply *apply, const struct ml_bundle *bundle,
			uint64_t *ret_lifetime, struct ml_error *error)
{
	const struct ml_statement *statement = &bundle->statement;
	int code;

	if (is_another(apply, bundle))
		return ml_error_set(error, -ESTALE, "generation %ju.%ju was accepted with "
				    "other content before: sign this with a higher serial",
				    (uintmax_t)statement->epoch, (uintmax_t)statement->serial);
	code = judge_held(apply, bundle, error);
	return code ? code : judge_dates(apply, statement, ret_lifetime, error);
}

static int judge(struct apply *apply, const struct ml_bundle *bundle,
		 uint64_t *ret_lifetime, struct ml_error *error)
{
	int code = ml_statement_judge(&bundle->statement, &apply->watermark, time(NULL),
				      ret_lifetime, error);

	if (code == -EALREADY)
		code = judge_repeat(apply, bundle, ret_lifetime, error);
	return code;
}

/* ---------------------------------------------------------------- taking */

/* How a generation came to be in the kernel, for the log. */
static const char *const put_names[] = { "known", "renewed", "applied" };
enum put { KNOWN, RENEWED, LOADED };

/*
 * What the kernel holds already needs nothing; the same image goes on under the
 * new serial; only another image is loaded. Return: enum put, or -errno.
 */
static int put_into_kernel(struct apply *apply, const struct ml_bundle *bundle,
			   uint64_t lifetime, struct ml_error *error)
{
	struct ml_kernel_generation generation = {
		.epoch = bundle->statement.epoch,
		.serial = bundle->statement.serial,
	};
	struct ml_kernel_status status;
	int code;

	report_kernel(apply, &status);
	memcpy(generation.digest, bundle->image_digest, sizeof(generation.digest));
	generation.lifetime_ms = lifetime * 1000;
	if (status.max_lifetime_ms && generation.lifetime_ms > status.max_lifetime_ms)
		generation.lifetime_ms = status.max_lifetime_ms;
	if (holds(&status, bundle))
		return KNOWN;
	if (status.has_generation &&
	    !memcmp(status.digest, generation.digest, sizeof(status.digest))) {
		code = ml_kernel_renew(apply->kernel, &generation, error);
		return code ? code : RENEWED;
	}
	code = ml_kernel_load(apply->kernel, &generation, bundle->image.data,
			      bundle->image.length, error);
	return code ? code : LOADED;
}

/*
 * ORDER: from the tunnel goes what the generation does not have, then it is
 * published; what it has comes later, when all is written (tunnel_advance()).
 */
static int change_over(struct apply *apply, const struct ml_bundle *bundle,
		       uint64_t lifetime, const struct ml_device *next,
		       struct ml_error *error)
{
	int code = tunnel_retreat(next, error);

	if (!code) {
		code = put_into_kernel(apply, bundle, lifetime, error);
		/* An answer can be lost (-ENOBUFS) after the deed: the kernel knows. */
		if (code < 0 && in_kernel(apply, bundle))
			code = LOADED;
	}
	if (code < 0)
		tunnel_undo(next);
	return code;
}

static void remember(struct apply *apply, const struct ml_bundle *bundle)
{
	apply->accepted = bundle->statement;
	apply->bundle_scope = scope_asked(bundle);
	apply->has_accepted = true;
}

static void raise_watermark(struct apply *apply, const struct ml_bundle *bundle)
{
	apply->watermark.epoch = bundle->statement.epoch;
	apply->watermark.serial = bundle->statement.serial;
	memcpy(apply->watermark.image_digest, bundle->image_digest,
	       sizeof(apply->watermark.image_digest));
}

/* Where a bundle came from. */
enum origin { OFFERED, PENDING, CANDIDATE };

static void promote(struct apply *apply, const struct ml_bundle *bundle, enum origin origin,
		    enum put how)
{
	struct ml_kernel_status status;
	struct message_log fields = fields_of(&bundle->statement, 0);
	char date[REPORT_DATE];

	report_kernel(apply, &status);
	store_rename(STORE_CANDIDATE, STORE_ACCEPTED);
	raise_watermark(apply, bundle);
	/* What was offered is acknowledged next; what was left over is not. */
	if (origin == CANDIDATE)
		keep_watermark(apply);
	else
		store_write_watermark(&apply->watermark);
	remember(apply, bundle);
	log_fields(LOG_NOTICE, &fields, put_names[how], "generation %ju.%ju is in the kernel, "
		   "valid until %s", (uintmax_t)fields.epoch, (uintmax_t)fields.serial,
		   report_date(report_expires(&bundle->statement, &status), date));
}

static int write_candidate(struct ml_bytes file, const struct ml_bundle *bundle,
			   struct ml_error *error)
{
	int code = journal_name(bundle->statement.epoch, bundle->statement.serial, error);

	return code ? code : store_try_write(STORE_CANDIDATE, file, error);
}

static int take(struct apply *apply, struct ml_bytes file, const struct ml_bundle *bundle,
		enum origin origin, uint64_t lifetime, struct ml_error *error)
{
	struct ml_device next;
	int code = tunnel_read(bundle, &next, error);

	if (code)
		return code;
	if (origin != CANDIDATE)
		code = write_candidate(file, bundle, error);
	if (!code) {
		code = change_over(apply, bundle, lifetime, &next, error);
		if (code < 0)
			store_remove(STORE_CANDIDATE);
	}
	if (code >= 0) {
		promote(apply, bundle, origin, (enum put)code);
		tunnel_advance(&next);
	}
	ml_device_clean(&next);
	return code < 0 ? code : 0;
}

/* --------------------------------------------------------------- pending */

static int keep_pending(struct ml_bytes file, const struct ml_statement *statement,
			struct ml_error *error)
{
	struct message_log fields = fields_of(statement, -EAGAIN);
	char names[PENDING_NAMES][STORE_NAME];
	char name[STORE_NAME], date[REPORT_DATE];
	int code;

	store_pending_name(statement->epoch, statement->serial, name);
	if (store_pending(names, PENDING_NAMES) == PENDING_NAMES)
		return ml_error_set(error, -ENOSPC, "%d bundles wait for their day already: "
				    "offer this one again when it is valid", PENDING_NAMES);
	code = store_try_write(name, file, error);
	if (code)
		return code;
	report_date(statement->not_before, date);
	log_fields(LOG_NOTICE, &fields, "pending", "generation %ju.%ju is kept until %s",
		   (uintmax_t)statement->epoch, (uintmax_t)statement->serial, date);
	return ml_error_set(error, -EAGAIN, "generation %ju.%ju is good, and kept: it will be "
			    "applied on %s; what is in force stays until then",
			    (uintmax_t)statement->epoch, (uintmax_t)statement->serial, date);
}

/* ----------------------------------------------------------------- offers */

/* See ORDER: a candidate that the kernel holds was accepted, whatever its dates. */
static bool half_accepted(struct apply *apply, const struct ml_bundle *bundle)
{
	return compare(bundle->statement.epoch, bundle->statement.serial,
		       apply->watermark.epoch, apply->watermark.serial) >= 0 &&
	       in_kernel(apply, bundle);
}

static int consider(struct apply *apply, struct ml_bytes file, enum origin origin,
		    struct ml_bundle *bundle, struct ml_error *error)
{
	uint64_t lifetime = 0;
	int code = verify(apply, file, bundle, error);

	if (code) {
		memset(bundle, 0, sizeof(*bundle));
		return code;
	}
	if (origin == CANDIDATE && half_accepted(apply, bundle)) {
		promote(apply, bundle, origin, KNOWN);
		return 0;
	}
	code = enrolled_judge(apply, &bundle->statement, error);
	if (!code)
		code = judge(apply, bundle, &lifetime, error);
	if (code == -EAGAIN && origin != PENDING)
		return keep_pending(file, &bundle->statement, error);
	return code ? code : take(apply, file, bundle, origin, lifetime, error);
}

static int condemned(const struct apply *apply, const uint8_t digest[static 32],
		     struct ml_bytes file, struct ml_error *error)
{
	char name[80];

	if (!journal_condemns(digest, name))
		return 0;
	journal_keep(digest, file);
	return ml_error_set(error, -ECANCELED, "merlond died over this bundle again and again, "
			    "and has set it aside as %s/%s: remove that file to try again",
			    apply->agent->options.state_dir, name);
}

/* What is here already, and may have to go into the kernel, waits for no disk. */
static int begin(const uint8_t digest[static 32], bool urgent, struct ml_error *error)
{
	int code = journal_begin(digest, error);

	if (!code || !urgent)
		return code;
	log_line(LOG_WARNING, "journal", "goes on without the crash journal: %s", error->text);
	return 0;
}

static int attempt(struct apply *apply, struct ml_bytes file, enum origin origin,
		   struct ml_bundle *bundle, struct ml_error *error)
{
	uint8_t digest[crypto_hash_sha256_BYTES];
	int code;

	memset(bundle, 0, sizeof(*bundle));
	ml_sha256(digest, file.data, file.length);
	code = condemned(apply, digest, file, error);
	if (code)
		return code;
	code = begin(digest, origin == CANDIDATE, error);
	if (code)
		return code;
	code = consider(apply, file, origin, bundle, error);
	journal_end();
	return code;
}

static void log_refusal(const struct ml_bundle *bundle, int code,
			const struct ml_error *error)
{
	struct message_log fields = fields_of(&bundle->statement, code);

	if (code && code != -EALREADY && code != -EAGAIN)
		log_fields(LOG_WARNING, &fields, "refused", "a bundle was refused: %s",
			   error->text);
}

int accept_offer(struct apply *apply, struct ml_bytes file, struct ml_error *error)
{
	struct ml_kernel_status status;
	struct ml_bundle bundle;
	int code;

	report_kernel(apply, &status);	/* if it is gone, no bundle is to blame */
	code = attempt(apply, file, OFFERED, &bundle, error);
	log_refusal(&bundle, code, error);
	return code;
}

static int attempt_stored(struct apply *apply, const char *name, enum origin origin,
			  struct ml_bundle *bundle)
{
	struct ml_error error = { .code = 0 };
	struct ml_bytes file;
	int code;

	if (store_map(name, &file) == -ENOENT)
		return -ENOENT;
	code = attempt(apply, file, origin, bundle, &error);
	store_unmap(file);
	log_refusal(bundle, code, &error);
	return code;
}

/* ---------------------------------------------------------------- pending */

/* What says nothing about the bundle, and may be over soon. */
static bool passing(int code)
{
	return code == -EBUSY || code == -ENOMEM || code == -ENOBUFS || code == -EINTR ||
	       code == -ENOSPC || code == -EDQUOT || code == -EIO;
}

/* @statement is empty where the bundle was not looked at; its name tells who it is. */
static void note_pending(struct apply *apply, const char *name,
			 const struct ml_statement *statement)
{
	struct message_generation *pending = &apply->pending[apply->pending_count];

	if (!store_pending_parse(name, &pending->epoch, &pending->serial))
		return;
	pending->not_before = statement->not_before;
	apply->pending_count++;
}

/* Seconds until what could not be taken now is tried again. */
static int64_t back_off(bool wanted)
{
	static int64_t seconds;

	if (!wanted)
		seconds = 0;
	else
		seconds = seconds ? seconds * 2 : RETRY_SECONDS;
	if (seconds > RETRY_MAX_SECONDS)
		seconds = RETRY_MAX_SECONDS;
	return seconds;
}

static int64_t earlier(int64_t next, int64_t other)
{
	return !next || other < next ? other : next;
}

int64_t accept_due(struct apply *apply)
{
	char names[PENDING_NAMES][STORE_NAME];
	size_t count = store_pending(names, PENDING_NAMES);
	struct ml_bundle bundle;
	bool again = false;
	int64_t next = 0;
	size_t i;
	int code;

	apply->pending_count = 0;
	for (i = 0; i < count; i++) {
		code = attempt_stored(apply, names[i], PENDING, &bundle);
		if (code != -EAGAIN && !passing(code)) {
			store_remove(names[i]);
			continue;
		}
		note_pending(apply, names[i], &bundle.statement);
		if (code == -EAGAIN)
			next = earlier(next, bundle.statement.not_before);
		else
			again = true;
	}
	code = (int)back_off(again);
	return again ? earlier(next, time(NULL) + code) : next;
}

/* ------------------------------------------------------------------- start */

static void restore_candidate(struct apply *apply)
{
	struct ml_bundle bundle;
	int code = attempt_stored(apply, STORE_CANDIDATE, CANDIDATE, &bundle);

	if (passing(code))
		die("the kernel cannot take a generation now: %s", strerror(-code));
	if (code)
		store_remove(STORE_CANDIDATE);
}

/* KNOWN: the kernel has it, or what came after it; or how it came there now. */
static int load_accepted(struct apply *apply, const struct ml_bundle *bundle,
			 const struct ml_device *next, struct ml_error *error)
{
	const struct ml_statement *statement = &bundle->statement;
	struct ml_kernel_status status;
	uint64_t lifetime;
	int code;

	report_kernel(apply, &status);
	if (status.has_generation && compare(status.epoch, status.serial, statement->epoch,
					     statement->serial) >= 0)
		return KNOWN;
	code = judge_dates(apply, statement, &lifetime, error);
	return code ? code : change_over(apply, bundle, lifetime, next, error);
}

/* The tunnel is of what is in force, which may have come after this bundle. */
static int restore_with_tunnel(struct apply *apply, const struct ml_bundle *bundle,
			       struct ml_error *error)
{
	struct ml_device next;
	int code = tunnel_read(bundle, &next, error);

	if (code)
		return code;
	code = load_accepted(apply, bundle, &next, error);
	if (code >= 0 && in_kernel(apply, bundle))
		tunnel_advance(&next);
	ml_device_clean(&next);
	return code;
}

static int restore_verified(struct apply *apply, const struct ml_bundle *bundle,
			    struct ml_error *error)
{
	const struct ml_statement *statement = &bundle->statement;
	int above = compare(statement->epoch, statement->serial, apply->watermark.epoch,
			    apply->watermark.serial);
	int code;

	if (above < 0)
		return ml_error_set(error, -ESTALE, "generation %ju.%ju is older than what "
				    "the kernel had: apply a newer one",
				    (uintmax_t)statement->epoch, (uintmax_t)statement->serial);
	remember(apply, bundle);
	code = restore_with_tunnel(apply, bundle, error);
	if (code >= 0 && above > 0) {
		raise_watermark(apply, bundle);
		keep_watermark(apply);
	}
	return code;
}

static int restore_accepted(struct apply *apply, struct ml_bytes file,
			    struct ml_bundle *bundle, struct ml_error *error)
{
	uint8_t digest[crypto_hash_sha256_BYTES];
	int code;

	memset(bundle, 0, sizeof(*bundle));
	ml_sha256(digest, file.data, file.length);
	if (journal_spares(digest))
		return ml_error_set(error, -ECANCELED, "merlond died over it: it is in force, "
				    "and looked at again when merlond starts again");
	begin(digest, true, error);
	code = verify(apply, file, bundle, error);
	if (!code)
		journal_name(bundle->statement.epoch, bundle->statement.serial, error);
	if (!code)
		code = restore_verified(apply, bundle, error);
	journal_end();
	return code;
}

static void log_restored(const struct ml_bundle *bundle, int code,
			 const struct ml_error *error)
{
	struct message_log fields = fields_of(&bundle->statement, code < 0 ? code : 0);

	if (passing(code))
		die("the kernel cannot take a generation now: %s", error->text);
	if (code < 0)
		log_fields(LOG_ERR, &fields, "not-restored", "the last accepted bundle cannot "
			   "be loaded again: %s", error->text);
	else if (code != KNOWN)
		log_fields(LOG_NOTICE, &fields, "restored", "generation %ju.%ju is in the "
			   "kernel again", (uintmax_t)fields.epoch, (uintmax_t)fields.serial);
}

/*
 * What the kernel had, and the directory does not know of: nothing goes below
 * it, whatever becomes of the bundle that it was.
 */
void accept_catch_up(struct apply *apply)
{
	struct ml_watermark *watermark = &apply->watermark;
	struct ml_kernel_status status;

	report_kernel(apply, &status);
	if (compare(status.last_epoch, status.last_serial, watermark->epoch,
		    watermark->serial) <= 0)
		return;
	watermark->epoch = status.last_epoch;
	watermark->serial = status.last_serial;
	memset(watermark->image_digest, 0, sizeof(watermark->image_digest));
	if (status.has_generation && status.epoch == status.last_epoch &&
	    status.serial == status.last_serial)
		memcpy(watermark->image_digest, status.digest,
		       sizeof(watermark->image_digest));
	keep_watermark(apply);
	log_line(LOG_WARNING, "watermark", "the kernel had generation %ju.%ju, which was not "
		 "remembered: nothing older is taken from now on",
		 (uintmax_t)watermark->epoch, (uintmax_t)watermark->serial);
}

void accept_restore(struct apply *apply)
{
	struct ml_error error = { .code = 0 };
	struct ml_bundle bundle;
	struct ml_bytes file;
	int code;

	restore_candidate(apply);
	if (store_map(STORE_ACCEPTED, &file) == -ENOENT)
		return;
	code = restore_accepted(apply, file, &bundle, &error);
	store_unmap(file);
	log_restored(&bundle, code, &error);
}
