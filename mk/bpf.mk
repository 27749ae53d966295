# SPDX-License-Identifier: GPL-2.0 OR MIT
# Programs for the kernel's BPF machine, and merlon-shield, which brings one:
# NAME.bpf.c is compiled by clang, and by bpftool made into NAME.skel.h, which
# holds its bytes.

BPF_CLANG ?= clang
BPFTOOL ?= bpftool
# v3 has compare-and-exchange; both kernels know it.
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Iuapi -Ikmod \
	-I/usr/include/$(shell gcc -print-multiarch)

shield_src := $(wildcard userspace/bpf/shield_*.c)
all_src += $(shield_src)

# What tests load; they find it by name in build/user/bpf/selftests/bpf.
bpf_tests := $(patsubst %.c,$(O)/bpf/%.o,$(wildcard selftests/bpf/*.bpf.c))

programs: $(O)/merlon-shield
tools: $(bpf_tests)

define bpf_need
	@command -v $(1) >/dev/null || { \
		echo "$(1) is missing: run 'scripts/install-deps build', or apt install $(2)" >&2; \
		exit 1; }
endef

# The linker of bpftool leaves out what only a debugger reads.
$(O)/bpf/%.bpf.o: %.bpf.c mk/bpf.mk
	$(call bpf_need,$(BPF_CLANG),clang)
	$(call bpf_need,$(BPFTOOL),bpftool)
	@mkdir -p $(@D)
	@echo "  BPF     $<"
	@$(BPF_CLANG) $(BPF_CFLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c -o $@.debug $<
	@$(BPFTOOL) gen object $@ $@.debug
	@rm $@.debug

$(O)/bpf/%.skel.h: $(O)/bpf/%.bpf.o
	@$(BPFTOOL) gen skeleton $< name $(notdir $*) >$@.new
	@mv $@.new $@

$(call obj,$(shield_src)): CPPFLAGS += -I$(O)/bpf/userspace/bpf
$(call obj,userspace/bpf/shield_attach.c): $(O)/bpf/userspace/bpf/shield.skel.h

$(O)/merlon-shield: $(call obj,$(shield_src)) $(lib_a)
	@echo "  LD      $(SAN) $@"
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(shell pkg-config --libs jansson libbpf)

.PRECIOUS: $(O)/bpf/%.bpf.o $(O)/bpf/%.skel.h
-include $(patsubst %.o,%.d,$(call obj,$(shield_src)))
-include $(wildcard $(O)/bpf/*/bpf/*.d)
