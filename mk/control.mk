# SPDX-License-Identifier: GPL-2.0 OR MIT
# merlon-control: the HTTP core, the store and the audit log are libraries of their own.

control_src := $(filter-out userspace/control/http%.c userspace/control/store%.c \
	userspace/control/audit%.c,$(wildcard userspace/control/*.c))
server_test_src := $(wildcard selftests/control/server/*.c)
control_libs := $(http_libs) $(store_libs) $(client_libs) $(libs) -lpthread

$(call obj,$(control_src)): CPPFLAGS += -Iuserspace/client \
	$(shell pkg-config --cflags sqlite3 libpq 2>/dev/null)

$(O)/merlon-control: $(call obj,$(control_src)) $(http_a) $(store_a) $(audit_a) $(client_a) $(lib_a)
	@echo "  LD      $(SAN) $@"
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(control_libs)

.PHONY: control-programs
control-programs: $(O)/merlon-control $(O)/merlon-signer $(O)/tools/trustee $(O)/server/joiner \
	$(O)/server/ager $(O)/server/crowd $(O)/server/polls $(O)/server/routes \
	$(O)/server/frames ## merlon-control, and what its tests need

$(call obj,$(server_test_src)): CPPFLAGS += -Iuserspace/client -Iuserspace/control

$(O)/server/%: $(O)/obj/selftests/control/server/%.o $(O)/obj/selftests/control/server/machine.o \
		$(store_a) $(audit_a) $(client_a) $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(client_libs) $(store_libs) $(libs) -lssl -lpthread

# The server's own table: all that merlon-control is, but for its commands.
routes_src := selftests/control/api/routes.c
$(call obj,$(routes_src)): CPPFLAGS += -Iuserspace/control
$(O)/server/routes: $(call obj,$(routes_src) $(filter-out userspace/control/command_%.c \
		userspace/control/main.c,$(control_src))) $(http_a) $(store_a) $(audit_a) $(client_a) $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(control_libs)

# What the tests of the HTTP core know of manners, for selftests/control/hostile.
hostile_src := selftests/control/hostile/frames.c
$(call obj,$(hostile_src)): CPPFLAGS += -Iselftests/control/http -Iuserspace/control
$(O)/server/frames: $(call obj,$(hostile_src)) $(http_shared_obj) $(http_a) $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(http_libs) $(libs) -lcmocka

.SECONDARY: $(call obj,$(hostile_src) $(routes_src) $(control_src) $(server_test_src))
-include $(patsubst %.o,%.d,$(call obj,$(hostile_src) $(routes_src) $(control_src) $(server_test_src)))
