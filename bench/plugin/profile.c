// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * profile.so: how often each instruction of a guest's kernel was executed, exactly, while
 * something was measured. A plugin of QEMU's emulator:
 *
 *	selftests/vm/run --icount --plugin build/user/plugin/profile.so,out=FILE
 *
 * The measuring module (selftests/kmod/wire.c) marks its code (selftests/kmod/mark.h): a
 * measurement starts, rounds of it begin and end, it is done. Of its rounds the one of
 * the fewest instructions counts, as for the module's own clock. FILE gets, for each
 * measurement, numbered from 1 as the module numbers them:
 *
 *	measurement 3
 *	round 612345				instructions, each round
 *	ffffffff81a01230 64			address, how often; ascending
 *
 * Address 0 is whatever ran outside of the kernel. How: each block of instructions has a
 * counter, which its translation adds to; what is in a block is remembered when it is
 * translated. One processor: a counter has no lock, and what runs between two marks is
 * all that runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../selftests/kmod/mark.h"
#include "qemu.h"

#define BLOCKS		4096	/* of one chunk */
#define BUCKETS		65536
#define PAGE		4096
#define MARK_SIZE	8
#define COUNT_MAX	512	/* instructions of a block: QEMU's own limit */
#define KERNEL		(UINT64_C(1) << 63)	/* and above */

struct block {
	struct block *next;	/* of its bucket */
	uint64_t address;
	uint64_t *executed;
	unsigned int count;	/* of instructions */
	uint8_t sizes[];	/* in bytes, each */
};

/* Counters do not move: translations hold their addresses. */
struct chunk {
	struct chunk *next;
	unsigned int used;
	uint64_t executed[BLOCKS];
	uint64_t best[BLOCKS];	/* in the round of the fewest instructions */
	struct block *blocks[BLOCKS];
};

struct line {
	uint64_t address, count;
};

int qemu_plugin_version = QEMU_INTERFACE;

static FILE *out;
static const char *path;
static struct chunk *chunks;
static struct block *buckets[BUCKETS];
static struct block *elsewhere;	/* one instruction for all that is not the kernel's */
static unsigned int measurement;
static bool measuring;
static uint64_t best_total;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "profile.so: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *must(void *memory)
{
	return memory ? memory : (fail("memory"), NULL);
}

/* --------------------------------------------------------------------- blocks */

static struct block **bucket(uint64_t address)
{
	return &buckets[(address * UINT64_C(0x9e3779b97f4a7c15)) >> 48];
}

/* Its counter is a new one, at the end of the newest chunk. */
static struct block *add(uint64_t address, unsigned int count, const uint8_t *sizes)
{
	struct block *block = must(malloc(sizeof(*block) + count));
	struct block **head = bucket(address);
	struct chunk *chunk = chunks;

	if (!chunk || chunk->used == BLOCKS) {
		chunk = must(calloc(1, sizeof(*chunk)));
		chunk->next = chunks;
		chunks = chunk;
	}
	*block = (struct block){ *head, address, &chunk->executed[chunk->used], count };
	memcpy(block->sizes, sizes, count);
	*head = block;
	chunk->blocks[chunk->used++] = block;
	return block;
}

/* What is translated again, as it was, has the counter that it had. */
static struct block *find(uint64_t address, unsigned int count, const uint8_t *sizes)
{
	struct block *block;

	for (block = *bucket(address); block; block = block->next)
		if (block->address == address && block->count == count &&
		    !memcmp(block->sizes, sizes, count))
			return block;
	return add(address, count, sizes);
}

/* That of so many instructions of a translation, from the first one on. */
static struct block *block_of(const struct qemu_plugin_tb *tb, size_t first, size_t count)
{
	uint64_t address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, first));
	uint8_t sizes[COUNT_MAX];
	size_t i;

	if (count > COUNT_MAX) {
		errno = EOVERFLOW;
		fail("a block of instructions");
	}
	for (i = 0; i < count; i++)
		sizes[i] = qemu_plugin_insn_size(qemu_plugin_tb_get_insn(tb, first + i));
	return find(address, count, sizes);
}

/* --------------------------------------------------------------------- rounds */

static void start(void)
{
	measurement++;
	measuring = true;
	best_total = UINT64_MAX;
	fprintf(out, "measurement %u\n", measurement);
}

static void begin(void)
{
	struct chunk *chunk;

	for (chunk = chunks; chunk; chunk = chunk->next)
		memset(chunk->executed, 0, sizeof(chunk->executed));
}

static uint64_t total(void)
{
	struct chunk *chunk;
	uint64_t sum = 0;
	unsigned int i;

	for (chunk = chunks; chunk; chunk = chunk->next)
		for (i = 0; i < chunk->used; i++)
			sum += chunk->executed[i] * chunk->blocks[i]->count;
	return sum;
}

static void end(void)
{
	struct chunk *chunk;
	uint64_t sum;

	if (!measuring)	/* a round that warms up */
		return;
	sum = total();
	fprintf(out, "round %" PRIu64 "\n", sum);
	if (sum >= best_total)
		return;
	best_total = sum;
	for (chunk = chunks; chunk; chunk = chunk->next)
		memcpy(chunk->best, chunk->executed, sizeof(chunk->best));
}

/* --------------------------------------------------------------------- result */

static size_t block_lines(struct line *lines, const struct block *block, uint64_t count)
{
	uint64_t address = block->address;
	unsigned int i;

	for (i = 0; i < block->count; i++) {
		lines[i] = (struct line){ address, count };
		address += block->sizes[i];
	}
	return block->count;
}

/* One for each instruction of each block that was executed. */
static size_t all_lines(struct line **ret)
{
	struct line *lines = NULL;
	struct chunk *chunk;
	size_t count = 0;
	unsigned int i;

	for (chunk = chunks; chunk; chunk = chunk->next)
		for (i = 0; i < chunk->used; i++) {
			const struct block *block = chunk->blocks[i];

			if (!chunk->best[i])
				continue;
			lines = must(realloc(lines, (count + block->count) * sizeof(*lines)));
			count += block_lines(lines + count, block, chunk->best[i]);
		}
	*ret = lines;
	return count;
}

static int by_address(const void *left, const void *right)
{
	const struct line *a = left, *b = right;

	return (a->address > b->address) - (a->address < b->address);
}

/* Blocks overlap: what is jumped into the middle of is also a block of its own. */
static void done(void)
{
	struct line *lines;
	size_t i, count;

	measuring = false;
	count = best_total == UINT64_MAX ? 0 : all_lines(&lines);
	if (count)
		qsort(lines, count, sizeof(*lines), by_address);
	for (i = 0; i < count; i++) {
		if (i + 1 < count && lines[i + 1].address == lines[i].address)
			lines[i + 1].count += lines[i].count;
		else
			fprintf(out, "%016" PRIx64 " %" PRIu64 "\n", lines[i].address,
				lines[i].count);
	}
	if (count)
		free(lines);
	if (fflush(out) || ferror(out))
		fail(path);
}

/* ---------------------------------------------------------------- translation */

static struct mark {
	uint32_t word;
	void (*passed)(void);
} marks[] = {
	{ MARK_START, start }, { MARK_BEGIN, begin }, { MARK_END, end }, { MARK_DONE, done },
};

static void executed(unsigned int processor, void *data)
{
	const struct mark *mark = data;

	(void)processor;	/* there is one */
	mark->passed();
}

static void watch_mark(struct qemu_plugin_insn *insn)
{
	static const uint8_t opcode[] = { 0x0f, 0x1f, 0x84, 0x00 };
	const uint8_t *bytes = qemu_plugin_insn_data(insn);
	uint32_t word;
	size_t i;

	if (qemu_plugin_insn_size(insn) != MARK_SIZE || memcmp(bytes, opcode, sizeof(opcode)))
		return;
	memcpy(&word, bytes + sizeof(opcode), sizeof(word));
	for (i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (marks[i].word == word)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, executed,
							       QEMU_READS_NO_REGISTERS, &marks[i]);
}

/*
 * QEMU begins to translate an instruction that goes on in the next page, takes it back
 * (it is then the first of the next block), and still names it as this block's last.
 * What ends with its page may be such a beginning.
 */
static bool is_doubtful(const struct qemu_plugin_insn *insn)
{
	return !((qemu_plugin_insn_vaddr(insn) + qemu_plugin_insn_size(insn)) % PAGE);
}

static void count_block(struct qemu_plugin_tb *tb, size_t count)
{
	struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, count - 1);

	if (count > 1 && is_doubtful(last)) {
		count--;
		qemu_plugin_register_vcpu_insn_exec_inline(last, QEMU_ADD_U64,
							   block_of(tb, count, 1)->executed, 1);
	}
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_ADD_U64,
						 block_of(tb, 0, count)->executed, 1);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (qemu_plugin_tb_vaddr(tb) < KERNEL) {
		qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_ADD_U64, elsewhere->executed,
							 count);
		return;
	}
	count_block(tb, count);
	for (i = 0; i < count; i++)
		watch_mark(qemu_plugin_tb_get_insn(tb, i));
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_machine *machine,
			int argc, char **argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "profile.so: wants out=FILE, and nothing else\n");
		return -1;
	}
	if (!machine->system || strcmp(machine->target, "x86_64") || machine->smp.processors != 1) {
		fprintf(stderr, "profile.so: wants a machine x86_64 of one processor\n");
		return -1;
	}
	path = argv[0] + 4;
	out = fopen(path, "w");
	if (!out)
		fail(path);
	elsewhere = add(0, 1, (const uint8_t[]){ 0 });
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
