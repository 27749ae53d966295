// SPDX-License-Identifier: MIT
#include "diff.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "policy_service.h"
#include "prefix.h"

#define QUESTIONS_MAX (20u << 20)	/* about as many as are answered in ten seconds */

/* The places where some rule of either side begins or ends, by protocol. */
struct cut {
	int16_t protocol;
	uint32_t at;		/* 0 to 65536 */
};

struct question {
	struct diff_end *ends;
	size_t end_count;
	struct ml_service_range *services;
	size_t service_count;
};

/* --------------------------------------------------------------- services */

static uint32_t selectors_of(int16_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_DCCP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		return 65536;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 256;
	default:
		return 1;
	}
}

static int by_cut(const void *a, const void *b)
{
	const struct cut *x = a, *y = b;

	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

struct cuts {
	struct cut *items;
	size_t count;
};

static void cut_add(struct cuts *cuts, int16_t protocol, uint32_t at)
{
	if (at <= selectors_of(protocol))
		cuts->items[cuts->count++] = (struct cut){ protocol, at };
}

static void cuts_of_rules(struct cuts *cuts, const struct ml_ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->rule_count; i++) {
		for (size_t j = 0; j < ruleset->rules[i].service_count; j++) {
			const struct ml_service_range *s = &ruleset->rules[i].services[j];

			if (s->protocol == ML_PROTOCOL_ANY)
				continue;
			cut_add(cuts, s->protocol, s->first);
			cut_add(cuts, s->protocol, (uint32_t)s->last + 1);
			cut_add(cuts, s->protocol, 0);
			cut_add(cuts, s->protocol, selectors_of(s->protocol));
		}
	}
}

/* Protocols that no rule names fare alike: GRE stands for all of them. */
static void cuts_of_usual(struct cuts *cuts)
{
	static const int16_t usual[] = {
		IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_GRE,
	};

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		cut_add(cuts, usual[i], 0);
		cut_add(cuts, usual[i], selectors_of(usual[i]));
	}
}

static size_t service_total(const struct ml_ruleset *ruleset)
{
	size_t total = 0;

	for (size_t i = 0; i < ruleset->rule_count; i++)
		total += ruleset->rules[i].service_count;
	return total;
}

/* Between two cuts, all selectors fare alike. */
static int services_gather(const struct ml_ruleset *a, const struct ml_ruleset *b,
			   struct question *question)
{
	size_t room = (service_total(a) + service_total(b)) * 4 + 10;
	struct cuts cuts = { .items = calloc(room, sizeof(struct cut)) };

	question->services = calloc(room, sizeof(*question->services));
	if (!cuts.items || !question->services) {
		free(cuts.items);
		return -ENOMEM;
	}
	cuts_of_usual(&cuts);
	cuts_of_rules(&cuts, a);
	cuts_of_rules(&cuts, b);
	qsort(cuts.items, cuts.count, sizeof(*cuts.items), by_cut);
	for (size_t i = 0; i + 1 < cuts.count; i++) {
		const struct cut *from = &cuts.items[i], *to = from + 1;

		if (from->protocol == to->protocol && from->at < to->at)
			question->services[question->service_count++] = (struct ml_service_range){
				from->protocol, (uint16_t)from->at, (uint16_t)(to->at - 1),
			};
	}
	free(cuts.items);
	return 0;
}

/* --------------------------------------------------------------- question */

static bool allows(const struct sheet *sheet, const struct diff_end *from,
		   const struct diff_end *to, const struct ml_service_range *service)
{
	struct merlon_trace trace;

	if (!sheet->judge.tables)
		return false;
	merlon_classify_trace(sheet->judge.tables, from->name.prefix.family, from->address, to->address,
			      (uint8_t)service->protocol, service->first, &trace);
	return MERLON_VERDICT_ACTION(trace.verdict) == MERLON_ACTION_ALLOW;
}

static bool makes_sense(const struct diff_end *from, const struct diff_end *to,
			const struct ml_service_range *service)
{
	uint8_t family = from->name.prefix.family;

	if (family != to->name.prefix.family ||
	    (from->named && to->named && !strcmp(from->name.name, to->name.name)))
		return false;
	return service->protocol != (family == AF_INET ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

/* Neighbouring ranges that changed alike are told as one. */
static bool reach_extend(struct diff_reach *last, const struct diff_reach *next)
{
	if (last->service.protocol != next->service.protocol || last->before != next->before ||
	    last->after != next->after || last->service.last + 1 != next->service.first)
		return false;
	last->service.last = next->service.last;
	return true;
}

struct report {
	void (*each)(const struct diff_reach *reach, void *arg);
	void *arg;
	size_t count;
};

static void pair_ask(const struct sheet *a, const struct sheet *b,
		     const struct question *question, const struct diff_end *from,
		     const struct diff_end *to, struct report *report)
{
	struct diff_reach last, next = { from, to, { 0, 0, 0 }, false, false };
	bool pending = false;

	for (size_t i = 0; i < question->service_count; i++) {
		next.service = question->services[i];
		if (!makes_sense(from, to, &next.service))
			continue;
		next.before = allows(a, from, to, &next.service);
		next.after = allows(b, from, to, &next.service);
		if (next.before == next.after || (pending && reach_extend(&last, &next)))
			continue;
		if (pending)
			report->each(&last, report->arg);
		last = next;
		pending = true;
		report->count++;
	}
	if (pending)
		report->each(&last, report->arg);
}

int diff_reachability(const struct sheet *a, const struct sheet *b,
		      void (*each)(const struct diff_reach *reach, void *arg), void *arg,
		      size_t *ret_count, struct ml_error *error)
{
	struct report report = { each, arg, 0 };
	struct question question = { 0 };
	int code;

	code = diff_ends_gather(a, b, &question.ends, &question.end_count);
	if (!code)
		code = services_gather(&a->ruleset, &b->ruleset, &question);
	if (code)
		ml_error_set(error, code, "out of memory");
	else if ((double)question.end_count * (double)question.end_count *
		 (double)question.service_count > QUESTIONS_MAX)
		code = ml_error_set(error, -E2BIG, "%zu names and prefixes and %zu services are too many to ask about",
				    question.end_count, question.service_count);
	for (size_t i = 0; !code && i < question.end_count; i++) {
		for (size_t j = 0; j < question.end_count; j++)
			pair_ask(a, b, &question, &question.ends[i], &question.ends[j], &report);
	}
	free(question.ends);
	free(question.services);
	*ret_count = report.count;
	return code;
}
