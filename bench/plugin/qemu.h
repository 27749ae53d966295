/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What profile.c needs of QEMU's plugins, version 1 of their interface, in our own words:
 * Debian's QEMU runs plugins, and ships no header. QEMU asks a plugin for
 * qemu_plugin_version before it does anything else, and loads no other version.
 */
#ifndef MERLON_BENCH_QEMU_H
#define MERLON_BENCH_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QEMU_INTERFACE		1
#define QEMU_EXPORT		__attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;

/* Whom it is loaded into. */
struct qemu_machine {
	const char *target;		/* "x86_64" */
	struct {
		int oldest, current;
	} interface;
	bool system;			/* a machine, not a program */
	struct {
		int processors, processors_max;
	} smp;
};

enum { QEMU_READS_NO_REGISTERS = 0 };
enum { QEMU_ADD_U64 = 0 };

/* A run of instructions without a jump, which is translated as one. */
struct qemu_plugin_tb;
struct qemu_plugin_insn;

typedef void (*qemu_translated_fn)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*qemu_executed_fn)(unsigned int processor, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_translated_fn fn);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int operation,
					      void *to, uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int operation,
						void *to, uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, qemu_executed_fn fn,
					    int registers, void *data);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

extern QEMU_EXPORT int qemu_plugin_version;
QEMU_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_machine *machine,
				    int argc, char **argv);

#endif
