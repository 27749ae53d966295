# SPDX-License-Identifier: GPL-2.0 OR MIT
# Compiler and hardening flags. SAN=asan|fuzz selects an instrumented build in
# a directory of its own.

VERSION := $(shell cat VERSION)
SAN ?=
CC := gcc

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wvla -Wformat=2 -Werror
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection \
	-D_FORTIFY_SOURCE=3
LINKHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack

ifeq ($(SAN),)
O := build/user
OPT := -O2 -g -fPIE $(HARDEN)
LINKOPT := $(LINKHARDEN)
else ifeq ($(SAN),asan)
O := build/asan
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
LINKOPT := -fsanitize=address,undefined
else ifeq ($(SAN),fuzz)
CC := clang
O := build/fuzz
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -DML_FUZZ=1
LINKOPT := -fsanitize=address,undefined
else
$(error SAN is asan, fuzz or empty)
endif

PKGS := libmnl libsodium jansson libevent_core libseccomp libsystemd libcrypto
CPPFLAGS := -D_GNU_SOURCE -DMERLON_VERSION='"$(VERSION)"' -Iuapi -Iuserspace/lib -Ikmod/classifier \
	$(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS := -std=gnu11 $(OPT) $(WARN)
