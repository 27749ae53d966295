#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 3600
# Allocations fail, one after the other, in every command, in the module's
# loading, in namespaces that come and go, and in tunnels that do: nothing opens,
# nothing is half done. See selftests/tools/faultn.c, and selftests/kmod/failn.c
# for kernels that cannot fail by themselves.
#
#	   gate (armed)                far (the judge)
#	+--------------------+      +--------------------+
#	| eth0 192.0.2.1     |------| eth0 192.0.2.2     |
#	| wg0  10.0.0.1      |======| wg0  10.0.0.2      |
#	+--------------------+      +--------------------+
#	UDP port 1000 is allowed, 1002 is denied; so is all that goes past the
#	tunnel, where the scope is everything

. "$(dirname "$0")/../lib/tap.sh"
tools=$(cd "$(dirname "$0")/../../build/user/tools" && pwd)
PATH=$PATH:$tools

[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
root=$PWD
cd "$tap_dir" || bail "no directory"
if [ ! -e /proc/self/fail-nth ]; then
	must insmod "$root/build/kmod/$MERLON_VM/failn.ko"
	at_exit rmmod failn
fi
asked="status rules explain"
armed="arm arm-lockdown arm-again arm-other confirm disarm"
loaded="begin begin-large chunk commit commit-large abort renew"
deeds="device-create device-up device-rename device-move device-return"

scene() {
	ns_add gate far
	veth_pair gate eth0 "192.0.2.1/24" far eth0 "192.0.2.2/24"
	wg_pair gate wg0 "10.0.0.1/24" 192.0.2.1 far wg0 "10.0.0.2/24" 192.0.2.2
	ok "the tunnel carries packets" n gate ping -c1 -W10 10.0.0.2
}

# The kernel's own threads are none of this test's processes, which are all that its
# /proc shows (selftests/lib/runner); what that stands upon shows them.
faultn_of_all() {
	if [ "$(cat /proc/2/comm 2>&1)" = kthreadd ]; then
		faultn "$@"
	else
		# shellcheck disable=SC2016
		unshare --mount sh -c 'umount /proc && exec faultn "$@"' sh "$@"
	fi
}

# tally MODE WHICH: over all operations, what came of it
tally() {
	local sums

	sums=$(awk '/^[a-z-]*: [0-9]+ injected/ {
		operations++
		for (i = 2; i < NF; i++) {
			sub(/,/, "", $(i + 1))
			sum[$(i + 1)] += $i
		}
	}
	END { print operations + 0, sum["injected"] + 0, sum["refused"] + 0, sum["done"] + 0,
		sum["not"] + 0, sum["wrong"] + 0 }' said)
	diag "faults: $(jq -c --arg kernel "$(uname -r)" --arg mode "$1" --arg which "$2" '
		$ARGS.named + ([["operations", "injected", "refused", "done", "unanswered", "wrong"],
			(split(" ") | map(tonumber))] | transpose | map({(.[0]): .[1]}) | add)' -R <<<"$sums")"
}

# faults ONCE|ONWARDS ALL|MODULES OPERATION...: a line of the tool for each, a test
faults() {
	local mode=$1 which=$2 operation line begin=$SECONDS

	shift 2
	faultn_of_all "$mode" "$which" gate far 10.0.0.2 192.0.2.2 small.img large.img "$@" >said 2>&1
	for operation in "$@" judge; do
		[ "$operation" != everything ] || continue
		line=$(grep "^$operation: " said)
		if [[ $line =~ (^judge: .*\ 0\ that\ were\ denied$|\ 0\ wrong$|^namespace-end: [1-9]) ]] &&
			[[ ! $line =~ :\ 0\ injected ]]; then
			pass "$mode, $which: $line"
		else
			fail "$mode, $which: ${line:-$operation: no answer}"
			grep -v '^[a-z-]*: [0-9]* injected' said | sed 's/^/#   /' | head -n 40
		fi
	done
	tally "$mode" "$which"
	diag "$((SECONDS - begin)) s"
}

# loading MODE: faults in the module's own initialisation
loading() {
	local line

	faultn "$1" modules module "$module" >said 2>&1
	line=$(<said)
	like "$line" '^module: [1-9][0-9]* injected, [1-9].* 0 wrong$' "$1: $(tail -n 1 <<<"$line")"
	tally "$1" modules
}

must nltool image small.img second=wgn , image large.img second=wgn rules=3000
module=$(modinfo -F filename merlon)
must modprobe merlon
must rmmod merlon
loading once
loading onwards
must modprobe merlon
scene
for mode in once onwards; do
	# shellcheck disable=SC2086 # several words
	faults $mode all $asked $armed $loaded
done
# shellcheck disable=SC2086
faults once all everything $armed
faults once modules device-up namespace
faults once modules namespace-end
# What a device, or a namespace, needs of the kernel itself is hundreds.
if [ "${MERLON_LENGTH:-}" = long ]; then
	# shellcheck disable=SC2086
	faults onwards all everything $armed
	faults onwards modules device-create device-up namespace
	# shellcheck disable=SC2086
	faults once all $deeds
	# shellcheck disable=SC2086
	faults once all everything $deeds
	faults once all namespace
fi
if [ -e /proc/lockdep_stats ]; then
	like "$(cat /proc/lockdep_stats)" 'debug_locks: +1$' "lockdep was awake all the time"
fi
done_testing
