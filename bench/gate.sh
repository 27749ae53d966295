#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# Does a packet cost what it did? Instructions, within 2 % of bench/baseline.json.

# shellcheck source=../selftests/lib/tap.sh
. "$(dirname "$0")/../selftests/lib/tap.sh"
cd "$(dirname "$0")/.." || exit
[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run --icount)"

ok "every packet is judged as the policy says" eval "bench/small >$tap_dir/now"
ok "and costs what it did, within 2 %; where it is meant to be otherwise: make bench-baseline" \
	bench/compare 2 bench/baseline.json "$tap_dir/now"
diag "$(bench/compare 2 bench/baseline.json "$tap_dir/now" | tail -n 1)"
done_testing
