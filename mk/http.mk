# SPDX-License-Identifier: GPL-2.0 OR MIT
# The HTTP server of merlon-control, its tests and its fuzzer.

http_src := $(wildcard userspace/control/http*.c)
http_test_src := $(wildcard selftests/control/http/*.c)
http_shared := pki toy toy_server client common
http_programs := $(filter-out $(http_shared),$(patsubst selftests/control/http/%.c,%,$(http_test_src)))
http_libs := $(shell pkg-config --libs libnghttp2 libssl 2>/dev/null)
http_a := $(O)/libhttp.a
http_bin := $(patsubst %,$(O)/http/%,$(http_programs))
http_shared_obj := $(patsubst %,$(O)/obj/selftests/control/http/%.o,$(http_shared))

.PHONY: http-programs
http-programs: $(http_bin)

$(http_a): $(call obj,$(http_src))
	@rm -f $@
	@ar rcs $@ $^

$(O)/http/%: $(O)/obj/selftests/control/http/%.o $(http_shared_obj) $(http_a) $(lib_a)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LINKOPT) -o $@ $^ $(http_libs) $(libs) -lcmocka

$(call obj,$(http_test_src)) $(O)/obj/selftests/fuzz/fuzz_http.o: CPPFLAGS += -Iuserspace/control

# The general rule links it; behind its own library comes the one that that needs.
$(O)/fuzz/fuzz_http: $(http_a)
$(O)/fuzz/fuzz_http: libs := $(http_a) $(lib_a) $(http_libs) $(libs)

.SECONDARY: $(call obj,$(http_src) $(http_test_src))
-include $(patsubst %.o,%.d,$(call obj,$(http_src) $(http_test_src)))
