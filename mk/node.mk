# SPDX-License-Identifier: GPL-2.0 OR MIT
# What selftests/node needs: a server that says what a directory holds, documents,
# and merlond with a kernel module that is only remembered (selftests/node/kernel.c).

node_src := $(wildcard selftests/node/*.c)
all_src += $(node_src)
node_bin := $(O)/node/server $(O)/node/tool $(O)/node/merlond $(O)/node/client $(O)/node/killed

.PHONY: node-programs
node-programs: $(node_bin) $(O)/merlon $(O)/tools/mkbundle \
	$(if $(wildcard userspace/control/main.c),$(O)/merlon-control $(O)/merlon-signer)

$(call obj,$(node_src)): CPPFLAGS += -Iuserspace/control -Iuserspace/client

$(O)/node/server: $(call obj,selftests/node/server.c selftests/control/http/pki.c) $(http_a) $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(http_libs) $(libs)

$(O)/node/tool: $(call obj,selftests/node/tool.c) $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(libs)

$(O)/node/client: $(call obj,selftests/node/client.c) $(client_a) $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(client_libs) $(libs)

$(O)/node/killed: $(call obj,selftests/node/killed.c)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(libs)

# In front of the library, whose kernel.o is then not looked for.
$(O)/node/merlond: $(call obj,$(agent_src) selftests/node/kernel.c) $(client_a) $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(client_libs) $(libs)

.SECONDARY: $(call obj,$(node_src))
-include $(patsubst %.o,%.d,$(call obj,$(node_src)))

# Clocks that a test sets (selftests/clock).
clock_src := selftests/clock/set.c
.PHONY: clock-programs
clock-programs: $(O)/clock/clock.so $(O)/clock/set

$(O)/clock/clock.so: selftests/clock/preload.c selftests/clock/clock.h mk/flags.mk
	@mkdir -p $(@D)
	@$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -g -fPIC -shared $(WARN) -o $@ $<

$(O)/clock/set: $(call obj,$(clock_src))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^

.SECONDARY: $(call obj,$(clock_src))
-include $(patsubst %.o,%.d,$(call obj,$(clock_src)))
