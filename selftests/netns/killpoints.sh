#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 3000
# merlond, killed at the system calls of an apply, loses nothing and goes back
# nowhere: see selftests/tools/killpoints.c. Real module, real files; namespaces
# with nothing but lo. MERLON_LENGTH=long (or MERLON_LONG=1): at every call.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/merlond.bash"

step=9 starts=0 count=200
if [ "${MERLON_LENGTH:-}" = long ] || [ -n "${MERLON_LONG:-}" ]; then
	step=1 starts=3 count=1600
fi
md_dir=$tap_dir/merlond
must mkdir "$md_dir"
must modprobe merlon
must "$tools/mkbundle" "$md_dir/trust.json"
must "$tools/mkbundle" "$md_dir/load-%.bundle" "count=$count" allow=turns
must "$tools/mkbundle" "$md_dir/renew-%.bundle" "count=$count" allow=all
status=0
"$tools/killpoints" "$merlond" "$md_dir" "$step" "$starts" || status=$?
[ "$status" = 0 ] || tail -n 20 "$md_dir/log" | sed 's/^/# /'
exit "$status"
