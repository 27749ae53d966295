# SPDX-License-Identifier: GPL-2.0 OR MIT
# What is loaded into QEMU's emulator (bench/plugin): never with a sanitizer, which QEMU
# would have to be built with too. What it calls is QEMU's.

tools: build/user/plugin/profile.so

build/user/plugin/%.so: bench/plugin/%.c bench/plugin/qemu.h selftests/kmod/mark.h mk/flags.mk
	@echo "  LD      $@"
	@mkdir -p $(@D)
	@gcc -D_GNU_SOURCE -std=gnu11 -O2 -g -fPIC -shared -fvisibility=hidden $(WARN) -o $@.new $<
	@mv $@.new $@
