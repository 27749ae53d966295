# SPDX-License-Identifier: GPL-2.0 OR MIT
# What a packet and a change of policy cost, beside others. BENCH_ARGS is for
# bench/run and bench/native: --kernel 6.12, --only exit …

bench_src := $(wildcard bench/*.c)
bench_src := $(filter-out %.bpf.c,$(bench_src))
bench_bpf := $(patsubst %.c,$(O)/bpf/%.o,$(wildcard bench/*.bpf.c))
all_src += $(bench_src)

.PHONY: bench bench-native bench-baseline
bench: ## instructions per packet and change of policy, Merlon and others: docs/bench*.md
	@bench/run $(BENCH_ARGS)

bench-native: ## the same by the machine's own processor, with its caches: docs/bench-native.md
	@bench/native $(BENCH_ARGS)

bench-baseline: ## what the regression gate compares with, measured anew
	@bench/baseline

tools: $(patsubst bench/%.c,$(O)/bench/%,$(bench_src)) $(bench_bpf)

$(O)/bench/%: $(O)/obj/bench/%.o $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(libs) $(shell pkg-config --libs libbpf)
