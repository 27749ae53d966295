/* SPDX-License-Identifier: MIT */
/*
 * The check of images and the building of tables: every refusal, every bit
 * flipped, every truncation, every allocation that fails and every place where
 * a signal may come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "classify.h"
#include "compile.h"
#include "tables.h"

#include "../oracle/draft.h"
#include "../oracle/small_ruleset.h"

/* ------------------------------------- an environment that fails when asked */

static long live, calls, fail_call, asks, signal_ask;

void *merlon_env_calloc(size_t n, size_t size)
{
	void *p;

	assert_true(n && size);
	if (++calls == fail_call)
		return NULL;
	p = calloc(n, size);
	live += p != NULL;
	return p;
}

void merlon_env_free(const void *p)
{
	live -= p != NULL;
	free((void *)p);
}

bool merlon_env_interrupted(void)
{
	return ++asks == signal_ask;
}

/* ------------------------------------------------------------------ refusals */

struct step {
	enum { END, SET, REPEAT, DROP, SWAP, HEADER } op;
	int section;
	uint32_t record;	/* SWAP: and the one behind it */
	size_t offset, size;
	uint32_t value;
};

struct refusal {
	const char *what;
	int code;
	struct step steps[4];
};

#define FIELD(type, field) offsetof(struct merlon_##type, field), \
			   sizeof(((struct merlon_##type *)NULL)->field)
#define SET(section, record, type, field, value) \
	{ SET, MERLON_SECTION_##section, record, FIELD(type, field), value }
#define REPEAT(section, record) { REPEAT, MERLON_SECTION_##section, record, 0, 0, 0 }
#define DROP(section, record) { DROP, MERLON_SECTION_##section, record, 0, 0, 0 }
#define SWAP(section, record) { SWAP, MERLON_SECTION_##section, record, 0, 0, 0 }
#define HEADER(field, value) { HEADER, 0, 0, FIELD(image_header, field), value }
#define NUMBER(section, record, value) { SET, MERLON_SECTION_##section, record, 0, 4, value }

/* The numbers are those of small_ruleset()'s image. */
static const struct refusal refusals[] = {
	{ "not a Merlon", -EINVAL, { HEADER(magic[0], 'm') } },
	{ "not a Merlon", -EINVAL, { HEADER(magic[7], 2) } },
	{ "unknown image version", -EINVAL, { HEADER(version, 2) } },
	{ "unknown image flag", -EINVAL, { HEADER(flags, 2) } },
	{ "no source or no destination class", -EINVAL, { HEADER(source_classes, 0) } },
	{ "no source or no destination class", -EINVAL, { HEADER(source_classes, 9) } },
	{ "no source or no destination class", -EINVAL, { HEADER(source_classes, UINT32_MAX) } },
	{ "no shape or no service", -EINVAL, { HEADER(shapes, 0) } },
	{ "no shape or no service", -EINVAL, { HEADER(services, 0) } },
	{ "MERLON_MAX_SHAPES", -E2BIG, { HEADER(shapes, MERLON_MAX_SHAPES + 1) } },
	{ "MERLON_MAX_SERVICES", -E2BIG, { HEADER(services, MERLON_MAX_SERVICES + 1) } },

	{ "not the name of a device", -EINVAL, { SET(TUNNELS, 0, tunnel, name[0], 0) } },
	{ "not the name of a device", -EINVAL, { SET(TUNNELS, 0, tunnel, name[1], '/') } },
	{ "not the name of a device", -EINVAL, { SET(TUNNELS, 0, tunnel, name[1], ':') } },
	{ "not the name of a device", -EINVAL, { SET(TUNNELS, 0, tunnel, name[1], ' ') } },
	{ "not the name of a device", -EINVAL, { SET(TUNNELS, 0, tunnel, name[1], '\n') } },
	{ "not the name of a device", -EINVAL, { SET(TUNNELS, 0, tunnel, name[1], 0xa0) } },
	{ "not the name of a device", -EINVAL, { SET(TUNNELS, 0, tunnel, name[9], 'x') } },
	{ "not the name of a device", -EINVAL,
	  { SET(TUNNELS, 0, tunnel, name[0], '.'), SET(TUNNELS, 0, tunnel, name[1], 0),
	    SET(TUNNELS, 0, tunnel, name[2], 0) } },
	{ "not the name of a device", -EINVAL,
	  { SET(TUNNELS, 0, tunnel, name[0], '.'), SET(TUNNELS, 0, tunnel, name[1], '.'),
	    SET(TUNNELS, 0, tunnel, name[2], 0) } },
	{ "unknown tunnel flag", -EINVAL, { SET(TUNNELS, 1, tunnel, flags, 2) } },
	{ "named twice", -EINVAL, { REPEAT(TUNNELS, 1) } },

	{ "reserved byte", -EINVAL, { SET(HOSTS4, 0, host4, zero[0], 1) } },
	{ "reserved byte", -EINVAL, { SET(HOSTS4, 0, host4, zero[2], 1) } },
	{ "reserved byte", -EINVAL, { SET(HOSTS6, 0, host6, zero[1], 1) } },
	{ "reserved byte", -EINVAL, { SET(NETS4, 0, net4, zero[1], 1) } },
	{ "reserved byte", -EINVAL, { SET(NETS6, 0, net6, zero[0], 1) } },
	{ "no such source class", -EINVAL, { SET(HOSTS4, 3, host4, source, 4) } },
	{ "no such destination class", -EINVAL, { SET(NETS6, 0, net6, destination, 5) } },
	{ "no such tunnel", -EINVAL, { SET(HOSTS6, 0, host6, tunnel, 4) } },
	{ "no such tunnel", -EINVAL, { SET(NETS6, 0, net6, tunnel, 255) } },
	{ "owned by an ignored tunnel", -EINVAL, { SET(NETS4, 0, net4, tunnel, 3) } },
	{ "too long for a net", -EINVAL, { SET(NETS4, 0, net4, length, 32) } },
	{ "too long for a net", -EINVAL, { SET(NETS6, 0, net6, length, 128) } },
	{ "bits are set behind", -EINVAL, { SET(NETS4, 0, net4, length, 15) } },
	{ "bits are set behind", -EINVAL, { SET(NETS6, 0, net6, address[15], 1) } },
	{ "bits are set behind", -EINVAL, { SET(NETS6, 0, net6, address[4], 1) } },
	{ "not in ascending order", -EINVAL, { REPEAT(HOSTS4, 0) } },
	{ "not in ascending order", -EINVAL, { REPEAT(NETS6, 1) } },
	{ "not in ascending order", -EINVAL, { SWAP(HOSTS6, 0), SET(HOSTS6, 0, host6, source, 1),
					       SET(HOSTS6, 1, host6, source, 1) } },
	{ "not in ascending order", -EINVAL, { SWAP(NETS4, 0) , SET(NETS4, 0, net4, destination, 0) } },
	{ "a class is used before", -EINVAL, { SET(HOSTS4, 1, host4, source, 2) } },
	{ "a class is used before", -EINVAL, { SET(HOSTS4, 0, host4, destination, 3) } },
	{ "a class has no address", -EINVAL, { SET(NETS4, 0, net4, destination, 3),
					       SET(NETS6, 1, net6, destination, 3) } },
	{ "says what holds without it", -EINVAL, { SET(HOSTS6, 1, host6, source, 3),
						   SET(HOSTS6, 1, host6, tunnel, 0) } },
	{ "says what holds without it", -EINVAL, { SET(NETS4, 1, net4, destination, 4) } },
	{ "says what holds without it", -EINVAL, { SET(NETS6, 0, net6, source, 0) } },

	{ "reserved byte", -EINVAL, { SET(SERVICES, 0, service, zero, 1) } },
	{ "not a range of the protocol", -EINVAL, { SET(SERVICES, 0, service, first, 9) } },
	{ "not a range of the protocol", -EINVAL, { SET(SERVICES, 0, service, last, 256) } },
	{ "not a range of the protocol", -EINVAL, { SET(SERVICES, 0, service, protocol, 2) } },
	{ "service 0, or one", -EINVAL, { SET(SERVICES, 1, service, service, 0) } },
	{ "service 0, or one", -EINVAL, { SET(SERVICES, 1, service, service, 3) } },
	{ "overlaps, or not", -EINVAL, { SET(SERVICES, 1, service, last, 80) } },
	{ "overlaps, or not", -EINVAL, { SET(SERVICES, 3, service, first, 134) } },
	{ "overlaps, or not", -EINVAL, { SET(SERVICES, 2, service, protocol, 1),
					 SET(SERVICES, 2, service, last, 100) } },
	{ "two ranges that are one", -EINVAL, { SET(SERVICES, 4, service, service, 4) } },
	{ "a service has no range", -EINVAL, { HEADER(services, 8) } },

	{ "reserved byte", -EINVAL, { SET(RUNS, 0, run, zero, 1) } },
	{ "shape 0 has no runs", -EINVAL, { SET(RUNS, 0, run, shape, 0) } },
	{ "no such shape", -EINVAL, { SET(RUNS, 16, run, shape, 9) } },
	{ "a shape has no run", -EINVAL, { DROP(RUNS, 1) } },
	{ "a shape has no run", -EINVAL, { SET(RUNS, 2, run, shape, 1) } },
	{ "a shape has no run", -EINVAL, { DROP(RUNS, 16), DROP(RUNS, 15) } },
	{ "no such range of services", -EINVAL, { SET(RUNS, 0, run, first, 2) } },
	{ "no such range of services", -EINVAL, { SET(RUNS, 13, run, last, 7) } },
	{ "slot 0, or one", -EINVAL, { SET(RUNS, 0, run, slot, 0) } },
	{ "slot 0, or one", -EINVAL, { SET(RUNS, 0, run, slot, 2) } },
	{ "slot 0, or one", -EINVAL, { SET(RUNS, 16, run, slot, 3) } },
	{ "overlaps, or not", -EINVAL, { SET(RUNS, 2, run, last, 2) } },
	{ "overlaps, or not", -EINVAL, { SWAP(RUNS, 15) } },
	{ "two runs that are one", -EINVAL, { SET(RUNS, 16, run, first, 5),
					      SET(RUNS, 16, run, last, 5) } },

	{ "no such shape", -EINVAL, { SET(CLASSES, 1, class, shape, 9) } },
	{ "no such shape", -EINVAL, { SET(PAIRS, 0, pair, shape, UINT32_MAX) } },
	{ "a shape is used before", -EINVAL, { SET(CLASSES, 1, class, shape, 2) } },
	{ "verdicts are left out", -EINVAL, { SET(CLASSES, 1, class, base, 2) } },
	{ "verdicts are left out", -EINVAL, { SET(PAIRS, 0, pair, base, UINT32_MAX) } },
	{ "the verdict at base", -EINVAL, { NUMBER(VERDICTS, 3, 1) } },
	{ "a verdict names no rule", -EINVAL, { NUMBER(VERDICTS, 2, 0) } },
	{ "a verdict names no rule", -EINVAL, { NUMBER(VERDICTS, 2, 7) } },
	{ "the verdicts end before", -EINVAL, { DROP(VERDICTS, 23) } },
	{ "the start of a list", -EINVAL, { SET(CLASSES, 2, class, base, 1) } },
	{ "the start of a list", -EINVAL, { SET(PAIRS, 3, pair, base, 15) } },
	{ "the start of a list", -EINVAL, { SET(PAIRS, 3, pair, base, 10),
					    SET(PAIRS, 3, pair, shape, 3) } },
	{ "unknown class flag", -EINVAL, { SET(CLASSES, 8, class, flags, 2) } },
	{ "a source class has a flag", -EINVAL, { SET(CLASSES, 1, class, flags, 1) } },
	{ "a row that is not used", -EINVAL, { SET(CLASSES, 6, class, flags, 0) } },
	{ "a row that is not used", -EINVAL, { SET(CLASSES, 5, class, base, 1) } },
	{ "says what holds without it", -EINVAL, { SET(CLASSES, 5, class, flags, 1) } },
	{ "says what holds without it", -EINVAL, { SET(PAIRS, 0, pair, shape, 1),
						   SET(PAIRS, 0, pair, base, 1) } },
	{ "says what holds without it", -EINVAL, { SET(PAIRS, 1, pair, shape, 2),
						   SET(PAIRS, 1, pair, base, 3) } },
	{ "no such source class", -EINVAL, { SET(PAIRS, 7, pair, source, 4) } },
	{ "no such destination class", -EINVAL, { SET(PAIRS, 7, pair, destination, 5) } },
	{ "not in ascending order", -EINVAL, { REPEAT(PAIRS, 0) } },
	{ "not in ascending order", -EINVAL, { SET(PAIRS, 1, pair, destination, 1) } },
	{ "not in ascending order", -EINVAL, { SET(PAIRS, 1, pair, source, 0) } },
	{ "a shape has no row", -EINVAL, { REPEAT(RUNS, 16), SET(RUNS, 17, run, shape, 9),
					   HEADER(shapes, 10) } },
	{ "verdicts without a row", -EINVAL, { REPEAT(VERDICTS, 23) } },

	{ "id 0, or not", -EINVAL, { SET(RULES, 0, rule, id, 0) } },
	{ "id 0, or not", -EINVAL, { REPEAT(RULES, 0) } },
	{ "id 0, or not", -EINVAL, { SWAP(RULES, 3) } },
	{ "unknown action", -EINVAL, { SET(RULES, 0, rule, action, 0) } },
	{ "unknown action", -EINVAL, { SET(RULES, 0, rule, action, 4) } },
	{ "reserved byte", -EINVAL, { SET(RULES, 0, rule, zero[0], 1) } },
	{ "reserved byte", -EINVAL, { SET(RULES, 0, rule, zero[6], 1) } },
};

static struct draft base;
static uint8_t *image;
static size_t image_length;

static void put_value(uint8_t *to, size_t size, uint32_t value)
{
	size_t i;

	for (i = 0; i < size; i++)
		to[i] = i < 4 ? (uint8_t)(value >> 8 * i) : 0;
}

static void apply(struct draft *draft, const struct step *step)
{
	const struct draft_section *section = &draft_sections[step->section];
	uint8_t *record = (uint8_t *)draft + section->offset + step->record * section->size;
	uint8_t copy[64];

	switch (step->op) {
	case SET:
		assert_true(step->record < draft->count[step->section]);
		put_value(record + step->offset, step->size, step->value);
		break;
	case HEADER:
		put_value((uint8_t *)&draft->header + step->offset, step->size, step->value);
		break;
	case REPEAT:
		draft_repeat(draft, step->section, step->record);
		break;
	case DROP:
		draft_drop(draft, step->section, step->record);
		break;
	case SWAP:
		memcpy(copy, record, section->size);
		memcpy(record, record + section->size, section->size);
		memcpy(record + section->size, copy, section->size);
		break;
	case END:
		break;
	}
}

static void test_refusals(void **state)
{
	struct merlon_view view, untouched;
	struct draft draft;
	size_t i, j, length, wrong = 0;
	uint8_t *bytes;
	int ret;

	(void)state;
	memset(&untouched, 0x5a, sizeof(untouched));
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct merlon_fault fault = { .what = "nothing" };

		draft = base;
		for (j = 0; j < 4; j++)
			apply(&draft, &refusals[i].steps[j]);
		bytes = draft_write(&draft, &length);
		view = untouched;
		ret = merlon_image_check(bytes, length, &view, &fault);
		if (ret != refusals[i].code || !strstr(fault.what, refusals[i].what)) {
			wrong++;
			print_error("# refusal %zu, \"%s\": %d, \"%s\" in section %d, record %u\n", i,
				 refusals[i].what, ret, fault.what, fault.section, fault.index);
		}
		if (ret)
			assert_memory_equal(&view, &untouched, sizeof(view));
		free(bytes);
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(live, 0);
	print_message("# %zu refusals\n", i);
}

/* ------------------------------------------------------------------- lengths */

static void refuse_bytes(const void *bytes, size_t length, int code, const char *what)
{
	struct merlon_fault fault = { .what = "nothing" };
	struct merlon_view view;
	int ret = merlon_image_check(bytes, length, &view, &fault);

	if (ret != code || !strstr(fault.what, what))
		fail_msg("\"%s\": %d, \"%s\"", what, ret, fault.what);
}

static void test_lengths(void **state)
{
	struct merlon_image_header header;
	uint8_t *bytes = must(calloc(1, image_length + 4));
	int i;

	(void)state;
	refuse_bytes(image, 0, -EINVAL, "shorter than a header");
	refuse_bytes(image, sizeof(header) - 1, -EINVAL, "shorter than a header");
	refuse_bytes(image, MERLON_MAX_IMAGE_BYTES + 1, -E2BIG, "MERLON_MAX_IMAGE_BYTES");
	refuse_bytes(image, image_length - 1, -EINVAL, "another length");
	memcpy(bytes, image, image_length);
	memcpy(&header, image, sizeof(header));
	header.bytes = htole32((uint32_t)image_length + 4);
	memcpy(bytes, &header, sizeof(header));
	refuse_bytes(bytes, image_length + 4, -EINVAL, "bytes follow");
	for (i = 0; i < MERLON_SECTIONS; i++) {
		memcpy(&header, image, sizeof(header));
		header.count[i] = htole32(le32toh(header.count[i]) + 1000);
		memcpy(bytes, &header, sizeof(header));
		refuse_bytes(bytes, image_length, i ? -EINVAL : -E2BIG,
			     i ? "the image ends inside" : "MERLON_MAX_TUNNELS");
		header.count[i] = htole32(UINT32_MAX);
		memcpy(bytes, &header, sizeof(header));
		refuse_bytes(bytes, image_length, -E2BIG, "more");
	}
	free(bytes);
}

/* More classes of one direction than there may be: the rest is never read. */
static void test_class_limit(void **state)
{
	struct merlon_image_header *header;
	uint32_t classes = MERLON_MAX_CLASSES + 2;
	size_t length = sizeof(*header) + classes * sizeof(struct merlon_class);
	uint8_t *bytes = must(calloc(1, length));

	(void)state;
	header = (void *)bytes;
	memcpy(header, image, sizeof(*header));
	memset(header->count, 0, sizeof(header->count));
	header->count[MERLON_SECTION_CLASSES] = htole32(classes);
	header->bytes = htole32((uint32_t)length);
	header->source_classes = htole32(1);
	refuse_bytes(bytes, length, -E2BIG, "MERLON_MAX_CLASSES");
	header->source_classes = htole32(classes - 1);
	refuse_bytes(bytes, length, -E2BIG, "MERLON_MAX_CLASSES");
	free(bytes);
}

static void test_truncations(void **state)
{
	struct merlon_image_header header;
	struct merlon_fault fault;
	struct merlon_view view;
	uint8_t *bytes;
	size_t length;

	(void)state;
	for (length = 0; length < image_length; length++) {
		/* Exactly as long, so that a read behind the end is seen. */
		bytes = must(malloc(length + !length));
		memcpy(bytes, image, length);
		assert_int_equal(merlon_image_check(bytes, length, &view, &fault), -EINVAL);
		if (length >= sizeof(header)) {
			memcpy(&header, bytes, sizeof(header));
			header.bytes = htole32((uint32_t)length);
			memcpy(bytes, &header, sizeof(header));
			assert_int_equal(merlon_image_check(bytes, length, &view, &fault),
					 -EINVAL);
		}
		free(bytes);
	}
	assert_int_equal(live, 0);
}

/* --------------------------------------------------------------------- flips */

static unsigned long classify_around(const struct merlon_tables *tables)
{
	struct chance chance = { .state = 7 };
	struct merlon_trace trace;
	unsigned long i, sum = 0;
	uint8_t src[16], dst[16];
	uint32_t verdict;
	__be32 a, b;

	for (i = 0; i < 200; i++) {
		random_address(&chance, i % 2 ? AF_INET : AF_INET6, src);
		random_address(&chance, i % 2 ? AF_INET : AF_INET6, dst);
		memcpy(&a, src, 4);
		memcpy(&b, dst, 4);
		verdict = i % 2 ? merlon_classify4(tables, a, b, (uint8_t)i, (uint16_t)(i * 331)) :
				  merlon_classify6(tables, src, dst, (uint8_t)i, (uint16_t)(i * 331));
		merlon_classify_trace(tables, i % 2 ? AF_INET : AF_INET6, src, dst, (uint8_t)i,
				      (uint16_t)(i * 331), &trace);
		assert_int_equal(verdict, trace.verdict);
		assert_in_range(MERLON_VERDICT_RULE(verdict), 0, merlon_tables_rule_count(tables));
		sum += merlon_owner4(tables, a) + merlon_owner6(tables, src);
	}
	return sum;
}

static void test_flips(void **state)
{
	unsigned long bit, accepted = 0;
	struct merlon_tables *tables;
	struct merlon_fault fault;
	struct merlon_view view;

	(void)state;
	for (bit = 0; bit < image_length * 8; bit++) {
		image[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!merlon_image_check(image, image_length, &view, &fault) &&
		    !merlon_tables_build(&view, &tables, &fault)) {
			accepted++;
			classify_around(tables);
			merlon_tables_free(tables);
		}
		image[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(live, 0);
	print_message("# %zu flips, %lu of them still an image\n", image_length * 8, accepted);
	/* Addresses, ids, ports and names have other valid values; most else has not. */
	assert_in_range(accepted, 1, image_length * 8 / 2);
}

/* ----------------------------------------------- failures of the environment */

static int check_and_build(struct merlon_tables **ret, struct merlon_fault *fault)
{
	struct merlon_view view;
	int err = merlon_image_check(image, image_length, &view, fault);

	return err ? err : merlon_tables_build(&view, ret, fault);
}

static void each_failure(long *counter, long *trigger, int code)
{
	struct merlon_tables *tables = NULL;
	struct merlon_fault fault;
	long i, n;

	*trigger = 0;
	*counter = 0;
	assert_int_equal(check_and_build(&tables, &fault), 0);
	n = *counter;
	merlon_tables_free(tables);
	tables = NULL;
	for (i = 1; i <= n; i++) {
		*counter = 0;
		*trigger = i;
		fault.what = NULL;
		assert_int_equal(check_and_build(&tables, &fault), code);
		assert_null(tables);
		assert_non_null(fault.what);
		assert_int_equal(live, 0);
	}
	*trigger = 0;
	assert_true(n > 10);
}

static void test_no_memory(void **state)
{
	(void)state;
	each_failure(&calls, &fail_call, -ENOMEM);
}

static void test_interrupted(void **state)
{
	(void)state;
	each_failure(&asks, &signal_ask, -EINTR);
}

/* ------------------------------------------------------------ limits of tables */

static void small_view(struct merlon_view *view)
{
	struct merlon_fault fault;

	assert_int_equal(merlon_image_check(image, image_length, view, &fault), 0);
}

/* 5,000 prefixes that share no byte but the first two: 14 nodes each. */
static void test_net_nodes(void **state)
{
	struct merlon_net6 *nets = must(calloc(5000, sizeof(*nets)));
	struct merlon_tables *tables = NULL;
	struct merlon_fault fault;
	struct merlon_view view;
	uint32_t i;

	(void)state;
	small_view(&view);
	for (i = 0; i < 5000; i++) {
		nets[i].address[0] = (uint8_t)(i >> 8);
		nets[i].address[1] = (uint8_t)i;
		nets[i].length = 127;
	}
	view.nets6 = nets;
	view.count[MERLON_SECTION_NETS6] = 4600;
	assert_int_equal(merlon_tables_build(&view, &tables, &fault), 0);
	merlon_tables_free(tables);
	tables = NULL;
	view.count[MERLON_SECTION_NETS6] = 5000;
	assert_int_equal(merlon_tables_build(&view, &tables, &fault), -E2BIG);
	assert_non_null(strstr(fault.what, "MERLON_MAX_NET_NODES"));
	assert_int_equal(fault.section, MERLON_SECTION_NETS6);
	assert_null(tables);
	assert_int_equal(live, 0);
	free(nets);
}

#define RUN 3000u

/* Keys of distinct homes side by side, by the factor that is tried first. */
static void test_hash_run(void **state)
{
	const struct merlon_hash first = { .factor = 0x9e3779b97f4a7c15ull, .size = 2 * RUN };
	struct merlon_host4 *hosts = must(calloc(RUN, sizeof(*hosts)));
	bool *filled = must(calloc(RUN, sizeof(*filled)));
	struct merlon_tables *tables = NULL;
	uint32_t address, i, n, run, longest;
	struct merlon_fault fault;
	struct merlon_view view;

	(void)state;
	small_view(&view);
	for (address = 1, n = 0; n < RUN; address++) {
		i = merlon_hash4(&first, address);
		if (i >= RUN || filled[i])
			continue;
		filled[i] = true;
		hosts[n++].address = (__force __be32)address;
	}
	view.hosts4 = hosts;
	view.count[MERLON_SECTION_HOSTS4] = RUN;
	assert_int_equal(merlon_tables_build(&view, &tables, &fault), 0);
	assert_int_equal(tables->hash4.size, first.size);
	for (i = run = longest = 0; i < tables->room.hosts4; i++) {
		run = tables->hosts4[i].ends.owner ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	assert_in_range(longest, 1, 1024);
	merlon_tables_free(tables);
	free(filled);
	free(hosts);
}

/* An empty slot belongs to nobody; every address here to a host or to the net of all. */
static void expect_barred(const struct merlon_tables *tables)
{
	u32 i;

	for (i = 0; i < tables->room.hosts4; i++)
		assert_int_not_equal(merlon_owner4(tables, (__force __be32)tables->hosts4[i].address), 0);
	for (i = 0; i < tables->room.hosts6; i++)
		assert_int_not_equal(merlon_owner6(tables, (const u8 *)tables->hosts6[i].address), 0);
}

static void bar(u32 count, u32 spread)
{
	static const struct merlon_net4 all4 = { .tunnel = 2 };
	static const struct merlon_net6 all6 = { .tunnel = 2 };
	struct merlon_host4 *hosts4 = must(calloc(count + 1, sizeof(*hosts4)));
	struct merlon_host6 *hosts6 = must(calloc(count + 1, sizeof(*hosts6)));
	struct merlon_tables *tables = NULL;
	struct merlon_fault fault;
	struct merlon_view view;
	u32 i;

	small_view(&view);
	for (i = 0; i < count; i++) {
		hosts4[i].address = htonl(i * spread);
		memcpy(hosts6[i].address + 12, &hosts4[i].address, 4);
		hosts4[i].tunnel = hosts6[i].tunnel = 1;
	}
	view.hosts4 = hosts4;
	view.hosts6 = hosts6;
	view.count[MERLON_SECTION_HOSTS4] = view.count[MERLON_SECTION_HOSTS6] = count;
	view.nets4 = &all4;
	view.nets6 = &all6;
	view.count[MERLON_SECTION_NETS4] = view.count[MERLON_SECTION_NETS6] = 1;
	assert_int_equal(merlon_tables_build(&view, &tables, &fault), 0);
	expect_barred(tables);
	merlon_tables_free(tables);
	free(hosts6);
	free(hosts4);
}

/* Of hosts with and without the zero address, close together and far apart. */
static void test_empty_slots(void **state)
{
	static const u32 spreads[] = { 1, 7, 256, 0x10001, 0x9e3779b1 };
	u32 count, i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(spreads); i++)
		for (count = 0; count < 300; count++)
			bar(count, spreads[i]);
}

/* Keys that no factor spreads; a checked image cannot even have these. */
static void test_hash_crowd(void **state)
{
	struct merlon_host4 *hosts = must(calloc(1000, sizeof(*hosts)));
	struct merlon_tables *tables = NULL;
	struct merlon_fault fault;
	struct merlon_view view;

	(void)state;
	small_view(&view);
	view.hosts4 = hosts;
	view.count[MERLON_SECTION_HOSTS4] = 1000;
	assert_int_equal(merlon_tables_build(&view, &tables, &fault), -E2BIG);
	assert_non_null(strstr(fault.what, "hash table"));
	assert_null(tables);
	assert_int_equal(live, 0);
	free(hosts);
}

/* ------------------------------------------------------------------ accessors */

static void test_accessors(void **state)
{
	struct merlon_tables *tables;
	struct merlon_fault fault;

	(void)state;
	assert_int_equal(check_and_build(&tables, &fault), 0);
	assert_int_equal(merlon_tables_rule_count(tables), 6);
	assert_int_equal(merlon_tables_rule_id(tables, 0), 0);
	assert_int_equal(merlon_tables_rule_id(tables, 1), 0x1111);
	assert_int_equal(merlon_tables_rule_id(tables, 6), 0x6666);
	assert_int_equal(merlon_tables_rule_id(tables, 7), 0);
	assert_int_equal(merlon_tables_rule_action(tables, 0), MERLON_ACTION_UNSPEC);
	assert_int_equal(merlon_tables_rule_action(tables, 3), MERLON_ACTION_REJECT);
	assert_int_equal(merlon_tables_rule_action(tables, 7), MERLON_ACTION_UNSPEC);
	assert_int_equal(merlon_tables_pair_count(tables), base.count[MERLON_SECTION_PAIRS]);
	assert_int_equal(merlon_tables_host_count(tables), 7);
	assert_int_equal(merlon_tables_tunnel_count(tables), 3);
	assert_null(merlon_tables_tunnel(tables, 0));
	assert_null(merlon_tables_tunnel(tables, 4));
	assert_string_equal((const char *)merlon_tables_tunnel(tables, 2)->name, "wg-lab");
	assert_true(merlon_tables_bytes(tables) > sizeof(*tables));
	merlon_tables_free(tables);
	merlon_tables_free(NULL);
	assert_int_equal(live, 0);
}

static int setup(void **state)
{
	struct ml_ruleset *ruleset = small_ruleset();
	struct ml_error error;

	(void)state;
	if (ml_image_compile(ruleset, &image, &image_length, &error)) {
		print_error("# %s\n", error.text);
		return -1;
	}
	draft_read(&base, image);
	ml_ruleset_free(ruleset);
	free(ruleset);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(image);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_class_limit),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_net_nodes),
		cmocka_unit_test(test_hash_crowd),
		cmocka_unit_test(test_hash_run),
		cmocka_unit_test(test_empty_slots),
		cmocka_unit_test(test_accessors),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
