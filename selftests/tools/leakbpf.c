// SPDX-License-Identifier: MIT
/*
 * leakbpf redirect DEVICE PATH | pass PATH
 *
 * Loads an XDP program and pins it at PATH, for `ip link set … xdp pinned`:
 * one that sends whatever arrives out of DEVICE, or one that does nothing.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(array)	(sizeof(array) / sizeof(*(array)))

static long bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int pin(const struct bpf_insn *program, size_t count, const char *path)
{
	static const char license[] = "GPL";
	union bpf_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (uintptr_t)program;
	attr.insn_cnt = (uint32_t)count;
	attr.license = (uintptr_t)license;
	fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0) {
		memset(&attr, 0, sizeof(attr));
		attr.pathname = (uintptr_t)path;
		attr.bpf_fd = (uint32_t)fd;
		fd = bpf(BPF_OBJ_PIN, &attr);
	}
	if (!fd)
		return 0;
	perror("leakbpf");
	return 1;
}

int main(int argc, char **argv)
{
	struct bpf_insn redirect[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	if (argc == 4 && !strcmp(argv[1], "redirect")) {
		redirect[0].imm = (int)if_nametoindex(argv[2]);
		return pin(redirect, COUNT(redirect), argv[3]);
	}
	if (argc == 3 && !strcmp(argv[1], "pass"))
		return pin(pass, COUNT(pass), argv[2]);
	fprintf(stderr, "usage: leakbpf redirect DEVICE PATH | pass PATH\n");
	return 2;
}
