#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Random policies against real packets, with a naive judge and captures outside:
# selftests/tools/oracle_pkts.c. 21,000 packets on each kernel, half of them on
# a gate where conntrack runs. The scene is common.bash's, with wider ranges:
#
#	alice 10.1.0.0/16 fd01::/64	bob 10.2.0.0/16 fd02::/64
#	lan   10.3.0.0/16 fd03::/64	gate 10.4.0.0/16 fd04::/64
#
# MERLON_ORACLE_SEED chooses others.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash

scene
seed=${MERLON_ORACLE_SEED:-$(date +%s)}
diag "seed $seed"

must n gate wg set wg0 peer "${wg_public[alice/wg0]}" \
	allowed-ips 10.0.0.1/32,fd00::1/128,10.1.0.0/16,fd01::/64
must n gate wg set wg0 peer "${wg_public[bob/wg0]}" \
	allowed-ips 10.0.0.2/32,fd00::2/128,10.2.0.0/16,fd02::/64
for net in 1 2; do
	must ip -n gate route add 10.$net.0.0/16 dev wg0
	must ip -n gate route add fd0$net::/64 dev wg0
done
must ip -n gate route add 10.3.0.0/16 via 10.9.0.2
must ip -n gate route add fd03::/64 via fd09::2
# The hosts of the ranges do not exist: nobody answers for them.
mute alice bob lan
# lan sends by a packet socket, to whoever is there: gate alone.
must ip -n gate link set lan0 address 02:00:00:00:00:01

must wall arm
policies=42
for how in "no conntrack" conntrack; do
	[ "$how" = "no conntrack" ] || conntrack_on
	ok "$how: what passes is what the rules allow" \
		"$tools/oracle_pkts" --policies $policies --packets 250 --seed "$seed"
	diag "$(tail -n 5 "$tap_dir/output")"
	like "$(tail -n 1 "$tap_dir/output")" "^10500 packets, $policies policies, 0 wrong$" \
		"$how: 10500 packets were compared"
	not_ok "$how: one wrong expectation is noticed" \
		"$tools/oracle_pkts" --policies 2 --packets 50 --seed "$seed" --lie
	seed=$((seed + 1))
done

done_testing
