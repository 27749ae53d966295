// SPDX-License-Identifier: MIT
/*
 * The policy's own tests, through the compiler and the classifier that the
 * kernel runs. Source and destination of a case can be thousands of addresses;
 * the classifier cannot tell addresses of one class apart, so one address of
 * each class is enough, and all of them are judged.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "classifier.h"
#include "compile.h"
#include "policy_read.h"
#include "tables_of.h"

/* One address of each class, of both families. */
struct witnesses {
	struct ml_prefix *items;
	uint32_t *classes;
	size_t count;
};

/* A case while it is judged. */
struct trial {
	const struct policy_probe *probe;
	struct ml_prefix source, destination;	/* the pair that decided */
	struct ml_service_range service;
	uint32_t verdict;
	bool seen;	/* there was a pair at all */
};

struct bench {
	const struct ml_policy *policy;
	const struct merlon_tables *tables;
	struct ml_error *error;
};

static int pair_compare(const void *a, const void *b, void *arg)
{
	const struct witnesses *w = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (w->items[x].family != w->items[y].family)
		return w->items[x].family < w->items[y].family ? -1 : 1;
	if (w->classes[x] != w->classes[y])
		return w->classes[x] < w->classes[y] ? -1 : 1;
	return ml_prefix_compare(&w->items[x], &w->items[y]);
}

static bool same_class(const struct witnesses *w, uint32_t x, uint32_t y)
{
	return w->items[x].family == w->items[y].family && w->classes[x] == w->classes[y];
}

/* Keeps the first address of each class. */
static int witnesses_thin(struct witnesses *w)
{
	uint32_t *order = calloc(w->count + 1, sizeof(*order));
	struct ml_prefix *items = calloc(w->count + 1, sizeof(*items));
	size_t kept = 0;

	if (!order || !items) {
		free(order);
		free(items);
		return -ENOMEM;
	}
	for (size_t i = 0; i < w->count; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, w->count, sizeof(*order), pair_compare, w);
	for (size_t i = 0; i < w->count; i++)
		if (!i || !same_class(w, order[i - 1], order[i]))
			items[kept++] = w->items[order[i]];
	free(order);
	free(w->items);
	w->items = items;
	w->count = kept;
	return 0;
}

static int witnesses_find(const struct bench *bench, uint32_t name, enum policy_side side,
			  struct witnesses *ret)
{
	static const uint8_t nobody[16];
	struct ml_prefixes addresses = { 0 };
	struct merlon_trace trace;
	bool any;

	if (ml_policy_resolve(bench->policy, name, POLICY_VIEW_TESTS, &addresses, &any))
		return -ENOMEM;
	ret->items = addresses.items;
	ret->count = addresses.count;
	ret->classes = calloc(ret->count + 1, sizeof(*ret->classes));
	if (!ret->classes)
		return -ENOMEM;
	for (size_t i = 0; i < ret->count; i++) {
		const uint8_t *address = ret->items[i].address;

		merlon_classify_trace(bench->tables, ret->items[i].family,
				      side == POLICY_SOURCE ? address : nobody,
				      side == POLICY_SOURCE ? nobody : address, 6, 0, &trace);
		ret->classes[i] = side == POLICY_SOURCE ? trace.source_class :
							  trace.destination_class;
	}
	return witnesses_thin(ret);
}

static void witnesses_clean(struct witnesses *witnesses)
{
	free(witnesses->items);
	free(witnesses->classes);
}

static bool is_allowed(uint32_t verdict)
{
	return MERLON_VERDICT_ACTION(verdict) == MERLON_ACTION_ALLOW;
}

/* ICMP is of one family; the others are of both. */
static bool fits_family(int protocol, uint8_t family)
{
	if (protocol == 1)
		return family == AF_INET;
	return protocol != 58 || family == AF_INET6;
}

/* Any service that passes lets the pair pass; else a rule's refusal says more than none. */
static bool pair_judge(const struct bench *bench, const struct trial *trial,
		       const struct ml_prefix *source, const struct ml_prefix *destination,
		       struct trial *ret)
{
	struct merlon_trace trace;
	bool judged = false;

	*ret = *trial;
	ret->source = *source;
	ret->destination = *destination;
	for (size_t i = 0; i < trial->probe->services.count; i++) {
		const struct ml_service_range *service = &trial->probe->services.items[i];

		if (!fits_family(service->protocol, source->family))
			continue;
		merlon_classify_trace(bench->tables, source->family, source->address,
				      destination->address, (uint8_t)service->protocol,
				      service->first, &trace);
		if (judged && !is_allowed(trace.verdict) && MERLON_VERDICT_RULE(ret->verdict))
			continue;
		judged = true;
		ret->service = *service;
		ret->verdict = trace.verdict;
		if (is_allowed(trace.verdict))
			break;
	}
	return judged;
}

/* The first pair that is not as wanted decides, or else the first. */
static void pairs_judge(const struct bench *bench, const struct witnesses *sources,
			const struct witnesses *destinations, struct trial *trial)
{
	struct trial next;

	for (size_t i = 0; i < sources->count; i++) {
		for (size_t j = 0; j < destinations->count; j++) {
			if (sources->items[i].family != destinations->items[j].family ||
			    !pair_judge(bench, trial, &sources->items[i], &destinations->items[j],
					&next))
				continue;
			if (!trial->seen)
				*trial = next;
			trial->seen = true;
			if (is_allowed(next.verdict) == trial->probe->want_allow)
				continue;
			*trial = next;
			trial->seen = true;
			return;
		}
	}
}

static unsigned int rule_line(const struct ml_policy *policy, uint64_t id)
{
	for (size_t i = 0; i < policy->rules.count; i++)
		if (policy->rules.items[i].id == id)
			return policy->rules.items[i].line;
	return 0;
}

/* "tcp:22 from 192.0.2.1 to 192.0.2.2" */
static void packet_format(const struct trial *trial, struct ml_text *text)
{
	char source[ML_PREFIX_TEXT], destination[ML_PREFIX_TEXT];

	ml_service_format(text, &trial->service);
	ml_text_format(text, " from %s to %s", ml_prefix_format(&trial->source, source),
		       ml_prefix_format(&trial->destination, destination));
}

static int trial_fail_seen(struct policy_reader *reader, const struct trial *trial, uint64_t id,
			   const char *packet)
{
	const struct policy_probe *probe = trial->probe;
	const char *wanted = probe->want_allow ? "accept" : "deny";

	if (!id)
		return policy_fail_code(reader, -EPERM, probe, "test: %s to %s: expected %s, but no rule "
					"speaks of %s", probe->source, probe->destination, wanted, packet);
	return policy_fail_code(reader, -EPERM, probe, "test: %s to %s: expected %s, but the rule at "
				"line %u %s %s", probe->source, probe->destination, wanted,
				rule_line(reader->policy, id),
				is_allowed(trial->verdict) ? "allows" : "denies", packet);
}

static int trial_fail(const struct bench *bench, const struct trial *trial, uint64_t id)
{
	const struct policy_probe *probe = trial->probe;
	struct policy_reader reader = { (struct ml_policy *)bench->policy, bench->error, NULL };
	struct ml_text packet = { 0 };
	int err;

	if (!trial->seen)
		return policy_fail_code(&reader, -EPERM, probe, "test: %s to %s: there is no pair of "
					"addresses of one family to test", probe->source,
					probe->destination);
	packet_format(trial, &packet);
	err = trial_fail_seen(&reader, trial, id, packet.failed ? "it" : packet.data);
	ml_text_clean(&packet);
	return err;
}

static int probe_judge(const struct bench *bench, const struct policy_probe *probe,
		       struct ml_policy_case *ret)
{
	struct witnesses sources = { 0 }, destinations = { 0 };
	struct trial trial = { .probe = probe };
	int err = witnesses_find(bench, probe->source_name, POLICY_SOURCE, &sources);

	if (!err)
		err = witnesses_find(bench, probe->destination_name, POLICY_DESTINATION,
				     &destinations);
	if (!err)
		pairs_judge(bench, &sources, &destinations, &trial);
	witnesses_clean(&sources);
	witnesses_clean(&destinations);
	if (err)
		return ml_error_set(bench->error, -ENOMEM, "out of memory");
	*ret = (struct ml_policy_case){
		.line = probe->line,
		.source = probe->source,
		.destination = probe->destination,
		.want_allow = probe->want_allow,
		.got_allow = trial.seen && is_allowed(trial.verdict),
		.rule_id = merlon_tables_rule_id(bench->tables, MERLON_VERDICT_RULE(trial.verdict)),
	};
	if (trial.seen && ret->got_allow == ret->want_allow)
		return 0;
	return trial_fail(bench, &trial, ret->rule_id);
}

/* All cases are judged and reported; the first that fails stays in the error. */
static int probes_judge(struct bench *bench,
			void (*report)(const struct ml_policy_case *result, void *arg), void *arg)
{
	int first = 0;

	for (size_t i = 0; i < bench->policy->probe_count; i++) {
		struct ml_policy_case result;
		int err = probe_judge(bench, &bench->policy->probes[i], &result);

		if (err && err != -EPERM)
			return err;
		if (err && !first) {
			first = err;
			bench->error = NULL;
		}
		if (report)
			report(&result, arg);
	}
	return first;
}

static int tables_of_image(const uint8_t *image, size_t length, struct ml_tables *ret,
			   struct ml_error *error)
{
	struct merlon_fault fault = { .what = "" };
	int err = ml_tables_of(image, length, ret, &fault);

	if (err)
		return ml_error_set(error, err, "the compiled policy was refused: %s", fault.what);
	return 0;
}

static int tables_make(const struct ml_policy *policy, struct ml_tables *ret,
		       struct ml_error *error)
{
	struct ml_ruleset ruleset;
	uint8_t *image = NULL;
	size_t length;
	int err = ml_policy_ruleset_view(policy, NULL, POLICY_VIEW_TESTS, &ruleset, error);

	if (err)
		return err;
	err = ml_image_compile(&ruleset, &image, &length, error);
	ml_ruleset_free(&ruleset);
	if (!err)
		err = tables_of_image(image, length, ret, error);
	free(image);
	return err;
}

int ml_policy_test(const struct ml_policy *policy,
		   void (*report)(const struct ml_policy_case *result, void *arg),
		   void *arg, struct ml_error *error)
{
	struct bench bench = { .policy = policy, .error = error };
	struct ml_tables tables;
	int err;

	if (!policy->probe_count)
		return 0;
	err = tables_make(policy, &tables, error);
	if (err)
		return err;
	bench.tables = tables.tables;
	err = probes_judge(&bench, report, arg);
	ml_tables_clean(&tables);
	return err;
}
