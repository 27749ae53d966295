#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The commands that act on the kernel or merlond: what they refuse before they
# touch either. What they do is tested in a guest (selftests/netns/cli.sh).

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=common.bash
. "$(dirname "$0")/common.bash"
cd "$tap_dir" || exit
none="$tap_dir/no.sock"

misuse "--scope is 'all': expected tunnels or everything" "arm: a scope that there is not" \
	arm --scope all
misuse "not a duration" "arm: a duration without unit" arm --confirm-within 5
misuse "at most 24h" "arm: a day and more" arm --confirm-within 25h
misuse "no other option" "arm: --confirm and something else" arm --confirm --force
misuse "longer than 255 bytes" "arm: a reason that is too long" \
	arm --reason "$(printf '%0300d' 1)"
misuse "say why: --reason" "disarm: no reason" disarm
misuse "say why: --reason" "disarm: an empty one" disarm --reason ''
misuse "longer than 255 bytes" "disarm: one that is too long" \
	disarm --reason "$(printf '%0300d' 1)"
misuse "--sort is 'size': expected line, packets, bytes or id" "rules: an order" \
	rules --sort size
misuse "--interval is '0'" "rules: no interval" rules --watch --interval 0
misuse "--count is '-1'" "drops: a count" drops --count=-1
misuse "merlond does not run" "apply: nobody listens" apply some.bundle --socket "$none"
misuse "--listen is 'x'" "adopt: for how long" adopt wg0 --listen x
misuse "name has 1 to 64" "adopt: a bad name" adopt wg0 --node 'A B'
misuse "no device|No such device|WireGuard|permi" "adopt: a device that is not there" \
	adopt nosuchdevice0 --dry-run

done_testing
