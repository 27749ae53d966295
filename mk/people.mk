# SPDX-License-Identifier: GPL-2.0 OR MIT
# Limits of failures, and people's secrets: of the control server, what needs no server.

people_src := $(wildcard userspace/control/limits*.c userspace/control/people*.c)
people_a := $(O)/libpeople.a
people_libs := $(shell pkg-config --libs liboath 2>/dev/null)
people_test := limits people
people_test_bin := $(patsubst %,$(O)/unit/test_%,$(people_test))
people_test_obj := $(patsubst %,$(O)/obj/selftests/unit/test_%.o,$(people_test))

$(people_a): $(call obj,$(people_src))
	@rm -f $@
	@ar rcs $@ $^

$(call obj,$(people_src)): CPPFLAGS += $(shell pkg-config --cflags liboath 2>/dev/null)
$(people_test_obj): CPPFLAGS += -Iuserspace/control

$(people_test_bin): $(O)/unit/%: $(O)/obj/selftests/unit/%.o $(people_a) $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(people_libs) $(libs) -lcmocka -lpthread

.SECONDARY: $(call obj,$(people_src))
-include $(patsubst %.o,%.d,$(call obj,$(people_src)))

# The code that an authenticator reads, in the terminal.
$(O)/merlon: libs += $(shell pkg-config --libs libqrencode 2>/dev/null)

# The routes of people on a small server of their own, for selftests/control/people.
peopled_src := selftests/control/people/peopled.c selftests/control/http/pki.c
peopled_room := $(patsubst %,userspace/control/%.c,guard call call_auth calls config routes \
	route_session route_people route_look route_audit seen work)

.PHONY: people-programs
people-programs: $(O)/control/peopled $(O)/merlon $(O)/merlon-control $(O)/merlon-signer

$(O)/control/peopled: $(call obj,$(peopled_src) $(peopled_room)) $(people_a) $(http_a) \
		$(O)/libmerlon-store.a $(audit_a) $(lib_a)
	@mkdir -p $(@D)
	@echo "  LD      $(SAN) $@"
	@$(CC) $(CFLAGS) $(LINKOPT) -Wl,--wrap=time,--wrap=clock_gettime -o $@ $^ $(people_libs) \
		$(http_libs) $(store_libs) $(libs) -lpthread

$(call obj,$(peopled_src)): CPPFLAGS += -Iuserspace/control -Iselftests/control/http \
	$(shell pkg-config --cflags liboath 2>/dev/null)

.SECONDARY: $(call obj,$(peopled_src) $(peopled_room))
-include $(patsubst %.o,%.d,$(call obj,$(peopled_src) $(peopled_room)))

control_libs += $(people_libs)
