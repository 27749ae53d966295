# SPDX-License-Identifier: GPL-2.0 OR MIT
# Programs for the kernel's BPF machine, and those that bring them: merlon-shield
# and merlon-watch. NAME.bpf.c is compiled by clang, and by bpftool made into
# NAME.skel.h, which holds its bytes.

BPF_CLANG ?= clang
BPFTOOL ?= bpftool
# v3 has compare-and-exchange; both kernels know it.
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Iuapi -Ikmod -Iuserspace/lib \
	-I/usr/include/$(shell gcc -print-multiarch)

bpf_programs := shield watch
bpf_src := $(filter-out %.bpf.c,$(wildcard userspace/bpf/*.c))
all_src += $(bpf_src)

# What tests load; they find it by name in build/user/bpf/selftests/bpf.
bpf_tests := $(patsubst %.c,$(O)/bpf/%.o,$(wildcard selftests/bpf/*.bpf.c))

programs: $(bpf_programs:%=$(O)/merlon-%)
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

$(call obj,$(bpf_src)): CPPFLAGS += -I$(O)/bpf/userspace/bpf
$(foreach p,$(bpf_programs),$(eval \
	$(call obj,userspace/bpf/$(p)_attach.c): $(O)/bpf/userspace/bpf/$(p).skel.h))

$(O)/merlon-%: $(lib_a)
	@echo "  LD      $(SAN) $@"
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $(filter %.o,$^) $(lib_a) \
		$(shell pkg-config --libs jansson libbpf)

$(foreach p,$(bpf_programs),$(eval \
	$(O)/merlon-$(p): $(call obj,userspace/bpf/pins.c $(wildcard userspace/bpf/$(p)_*.c))))

.PRECIOUS: $(O)/bpf/%.bpf.o $(O)/bpf/%.skel.h
-include $(patsubst %.o,%.d,$(call obj,$(bpf_src)))
-include $(wildcard $(O)/bpf/*/bpf/*.d)
