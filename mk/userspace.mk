# SPDX-License-Identifier: GPL-2.0 OR MIT
# Programs and unit tests. A file dropped into a room is built: no list to keep.

lib_src := $(wildcard userspace/lib/*.c) $(wildcard kmod/classifier/*.c)
cli_src := $(wildcard userspace/cli/*.c)
agent_src := $(wildcard userspace/agent/*.c)
client_src := $(wildcard userspace/client/*.c)
audit_src := $(wildcard userspace/control/audit*.c)
# All but main.c is a library, so that unit tests can have it.
signer_src := $(filter-out userspace/signer/main.c,$(wildcard userspace/signer/*.c))
unit_src := $(wildcard selftests/unit/*.c)
tool_src := $(wildcard selftests/tools/*.c)
fuzz_src := $(wildcard selftests/fuzz/*.c)

obj = $(patsubst %.c,$(O)/obj/%.o,$(1))
all_src := $(lib_src) $(cli_src) $(agent_src) $(client_src) $(audit_src) $(signer_src) userspace/signer/main.c $(unit_src) $(tool_src) $(fuzz_src)

lib_a := $(O)/libmerlon.a
audit_a := $(O)/libaudit.a
client_a := $(O)/libclient.a
signer_a := $(O)/libsigner.a
libs := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
# Loaded by userspace/client/curl.c. For what always needs it.
client_libs := -Wl,--push-state,--no-as-needed $(shell pkg-config --libs libcurl 2>/dev/null) \
	-Wl,--pop-state
unit_bin := $(patsubst selftests/unit/%.c,$(O)/unit/%,$(unit_src))
tool_bin := $(patsubst selftests/tools/%.c,$(O)/tools/%,$(tool_src))
fuzz_bin := $(patsubst selftests/fuzz/%.c,$(O)/fuzz/%,$(fuzz_src))

programs := $(if $(cli_src),$(O)/merlon) $(if $(agent_src),$(O)/merlond) \
	$(O)/merlon-signer

.PHONY: programs unit-programs tools fuzz-programs
programs: $(programs)
unit-programs: $(unit_bin) ## build the unit tests
tools: $(tool_bin)
fuzz-programs: $(fuzz_bin)

$(O)/obj/%.o: %.c mk/flags.mk VERSION
	@mkdir -p $(@D)
	@echo "  CC      $(SAN) $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(lib_a): $(call obj,$(lib_src))
	@rm -f $@
	@ar rcs $@ $^

$(audit_a): $(call obj,$(audit_src))
	@rm -f $@
	@ar rcs $@ $^

$(client_a): $(call obj,$(client_src))
	@rm -f $@
	@ar rcs $@ $^

# These two without libcurl: see userspace/client/curl.h.
$(O)/merlon: $(call obj,$(cli_src)) $(client_a) $(lib_a)
	@echo "  LD      $(SAN) $@"
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(libs)

$(O)/merlond: $(call obj,$(agent_src)) $(client_a) $(lib_a)
	@echo "  LD      $(SAN) $@"
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(libs)

$(call obj,$(cli_src) $(agent_src)): CPPFLAGS += -Iuserspace/client

$(signer_a): $(call obj,$(signer_src))
	@rm -f $@
	@ar rcs $@ $^

$(O)/merlon-signer: $(call obj,userspace/signer/main.c) $(signer_a) $(lib_a)
	@echo "  LD      $(SAN) $@"
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(libs)

$(O)/unit/test_signer_%: $(O)/obj/selftests/unit/test_signer_%.o $(signer_a) $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(libs) -lcmocka

$(O)/unit/%: $(O)/obj/selftests/unit/%.o $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(libs) -lcmocka

# Of the control server, its audit log alone.
$(O)/unit/test_audit%: $(O)/obj/selftests/unit/test_audit%.o $(audit_a) $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(libs) -lcmocka

$(O)/tools/mkaudit: $(O)/obj/selftests/tools/mkaudit.o $(audit_a) $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(libs)

$(O)/tools/%: $(O)/obj/selftests/tools/%.o $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(libs) -lpcap

# libFuzzer programs: SAN=fuzz alone
$(O)/fuzz/%: $(O)/obj/selftests/fuzz/%.o $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -fsanitize=fuzzer -o $@ $^ $(libs)

.SECONDARY: $(call obj,$(all_src))
-include $(patsubst %.o,%.d,$(call obj,$(all_src)))
