# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A node n1, its server and its signer, each with a clock of its own that the test sets.
# Sourced behind tap.sh, clock.bash and ../control/real.bash, from the tree's root.
#
#	set_clock NAME SECONDS	somebody sets one: n1, server, signer
#	all_sleep SECONDS	so long has gone by everywhere since the beginning
#	node_start, node_stop, node_says FILTER, kernel_log
#	arrives DESCRIPTION	a change of policy is at the node: a test
#	server_again, signer_again, there

export ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0
merlond=$build/node/merlond askd=${merlon%/*}/tools/askd
for program in "$merlond" "$askd"; do
	[ -x "$program" ] || bail "$program is not built: make node-programs tools"
done

# The programs as before, by their own clocks.
mkdir programs
for program in merlon-control:server merlon-signer:signer; do
	cat >"programs/${program%:*}" <<-END
		#!/bin/sh
		CLOCK_FILE=$clocks/${program#*:} LD_PRELOAD=$clock_so exec "$build/${program%:*}" "\$@"
	END
done
chmod 755 programs programs/*
build=$dir/programs
day=86400

# What each one's clock is off by: those of the scene are all set at once.
set_clock() { # NAME SECONDS: somebody sets it
	local pids=()

	[ "$1" != n1 ] || [ -z "$node" ] || pids=("$node")
	clock "$1" "$2" "${slept:-0}" "${synchronised:-0}" "${pids[@]}"
}
all_sleep() { # SECONDS: so long goes by everywhere
	local who

	slept=$1
	for who in n1 server signer; do
		set_clock "$who" "$1"
	done
}
node='' slept=0 synchronised=0
all_sleep 0

node_stop() {
	[ -z "$node" ] || kill "$node" 2>/dev/null
	[ -z "$node" ] || wait "$node" 2>/dev/null
	node=''
}
at_exit node_stop
# A start is a reboot: the kernel that is remembered forgets.
node_start() {
	: >n1.log
	CLOCK_FILE=$clocks/n1 LD_PRELOAD=$clock_so "$merlond" --no-tunnel --state-dir "$dir/n1" \
		--inbox "$dir/n1-inbox" --socket "$dir/n1.sock" --user nobody -v 2>>n1.log &
	node=$!
	wait_for 20 grep -q 'ready: ready' n1.log || bail "no merlond: $(cat n1.log)"
}
node_says() { "$askd" --socket "$dir/n1.sock" status | jq -r "$1"; }
kernel_log() { tail -n 1 n1/kernel-log | cut -d' ' -f2; }
version=1
# A change of policy: until it is at the node.
arrives() { # DESCRIPTION
	local before

	before=$(kernel_log)
	version=$((version + 1))
	policy_publish "$version" || diag "not published: $(cat body)"
	is_another() { [ "$(kernel_log)" != "$before" ] && [ "$(kernel_log)" = "$(status_of '.generation | "\(.epoch).\(.serial)"')" ]; }
	ok "$1" wait_for 20 is_another
}
server_again() { server_kill 0; server_start 0; }
signer_again() { signer_stop; rm -f signer.sock; signer_start; }
there() { [ "$(status_of .signer.connected)" = true ]; }
