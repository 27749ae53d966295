# SPDX-License-Identifier: GPL-2.0 OR MIT
# The store of merlon-control: a library of its own, because it alone needs databases.
# The schema files go into it as they are.

store_src := $(wildcard userspace/control/store*.c)
store_test_src := $(wildcard selftests/control/store*.c)
store_a := $(O)/libmerlon-store.a
store_libs := $(shell pkg-config --libs sqlite3 libpq 2>/dev/null)

.PHONY: store-test
store-test: $(O)/control/store ## build the store's test, for selftests/groups.d/40-store

$(O)/gen/schema_%.c: userspace/control/schema/%.sql mk/store.mk
	@mkdir -p $(@D)
	@{ echo 'extern const char store_schema_$*[];'; echo 'const char store_schema_$*[] ='; \
		sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $<; echo ';'; } >$@.new
	@mv $@.new $@

$(O)/gen/%.o: $(O)/gen/%.c
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(call obj,$(store_src) $(store_test_src)): \
	CPPFLAGS += $(shell pkg-config --cflags sqlite3 libpq 2>/dev/null)
$(call obj,$(store_test_src)): CPPFLAGS += -Iuserspace/control

$(store_a): $(call obj,$(store_src)) $(O)/gen/schema_sqlite.o $(O)/gen/schema_postgres.o
	@rm -f $@
	@ar rcs $@ $^

$(O)/control/store: $(call obj,$(store_test_src)) $(store_a) $(lib_a)
	@mkdir -p $(@D)
	@echo "  LD      $(SAN) $@"
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(store_libs) $(libs) -lcmocka -lpthread

.SECONDARY: $(call obj,$(store_src) $(store_test_src))
-include $(patsubst %.o,%.d,$(call obj,$(store_src) $(store_test_src)))
