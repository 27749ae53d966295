#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1200
# The package merlon-control on a whole machine, under systemd: server-prepare installs it
# there, server-guest looks, and what that says is TAP.

cd "$(dirname "$0")/../.." || exit
out=build/test-logs/packages/server
rm -rf "$out" && mkdir -p "$out" || exit
selftests/vm/run --kernel 6.12 --no-build --systemd --out "$out" \
	--timeout $((1100 * ${MERLON_PATIENCE:-1})) -- selftests/packages/server-prepare >&2 ||
	cat "$out/installed" >&2
cat "$out/tap" || exit
grep -q '^1\.\.' "$out/tap" && ! grep -q '^not ok' "$out/tap"
