#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 3000
# The power fails at any flush while machines join: what was acknowledged before is there.
# For a guest: store, audit log and ledger are on a disk whose writes dm-log-writes logs, in
# the order in which they were durable; each mark in that log is an answer that a machine
# had. Afterwards the disk is made anew as it was behind each flush, mounted, and server and
# signer are started on it.
#
#	joiner --- merlon-control --- merlon-signer
#	                |                  |
#	              store, audit log, ledger: ext4 --- dm-log-writes --- disk
#	                                                       |
#	marks: who has an answer ------------------------------+--- log
#
# Of the flushes, 40 are looked at, one as far from the next as all others are;
# MERLON_LENGTH=long: 200.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
tools=$PWD/build/user/tools
[ -n "${MERLON_VM:-}" ] || bail "this makes block devices: run it in a guest (selftests/vm/run)"
[ -x "$tools/replaylog" ] || bail "replaylog is not built: make tools"
# shellcheck source=../control/real.bash
. selftests/control/real.bash

must modprobe -a loop dm-log-writes ext4
truncate -s 64M "$tap_dir/disk" "$tap_dir/replayed"
truncate -s 700M "$tap_dir/log"
disk=$(losetup -f --show "$tap_dir/disk") log=$(losetup -f --show "$tap_dir/log") || bail "no loop devices"
at_exit losetup -d "$disk" "$log"
must dmsetup --noudevsync --noudevrules create merlon-power \
	--table "0 $(blockdev --getsz "$disk") log-writes $disk $log"
at_exit dmsetup --noudevsync remove merlon-power
must dmsetup mknodes
must mkfs.ext4 -q -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 /dev/mapper/merlon-power
must mount /dev/mapper/merlon-power "$dir"
at_exit umount "$dir"
at_exit servers_kill
at_exit signer_stop
chmod 1777 "$dir"
cd "$dir" || exit

mark() { must dmsetup message merlon-power 0 mark "$1"; }
# What the machines have is not on that disk.
join() {
	mkdir "$tap_dir/$1"
	"$joiner" join - "$1" "$tap_dir/$1" <"$tap_dir/key" >"$tap_dir/$1/answer" 2>&1
	head -n 1 "$tap_dir/$1/answer"
}
control_setup
server_start 0
ok "a policy is published" policy_publish 1
key_create --uses 25 >"$tap_dir/key"
sync
mark begin
joined=0
for i in {1..12}; do
	[ "$(join "n$i")" = 200 ] && mark "n$i" && joined=$((joined + 1))
done
is "$joined" 12 "twelve machines join"
is "$(local_api /v1/revoke -d '{"node":"n3"}')" 200 "one is revoked"
mark revoked-n3
server_kill 0
signer_stop
cd / || exit
must umount "$dir"
must dmsetup --noudevsync remove merlon-power

# --- the power fails ------------------------------------------------------------------
ok "the log can be read" "$tools/replaylog" "$tap_dir/log"
"$tools/replaylog" "$tap_dir/log" >"$tap_dir/writes"
begin=$(awk '$2 == "mark" && $3 == "begin" { print $1 }' "$tap_dir/writes")
mapfile -t points < <(awk -v begin="${begin:-0}" '$1 > begin && $2 ~ /^[fu]+$/ { print $1 }' "$tap_dir/writes")
most=40
[ "${MERLON_LENGTH:-normal}" != long ] || most=200
step=$(((${#points[@]} + most - 1) / most))
ok "there are flushes enough: ${#points[@]}" test "${#points[@]}" -ge 24

problems=0
problem() { problems=$((problems + 1)); diag "power failed behind write $point: $*"; }
# Those whose answer was marked before.
marks() { awk -v point="$point" '$2 == "mark" && $1 <= point && $3 ~ /^'"$1"'/ { print $3 }' "$tap_dir/writes"; }
judge() {
	local name nodes uses

	audit_is_well >"$tap_dir/verified" 2>&1 || problem "the audit log: $(cat "$tap_dir/verified")"
	rm -f signer.sock
	signer_start
	server_start 0
	wait_for 20 there || problem "the server does not find the signer"
	local_api /v1/nodes >/dev/null
	cp body "$tap_dir/nodes"
	for name in $(marks n); do
		jq -e --arg name "$name" 'any(.nodes[]; .name == $name)' "$tap_dir/nodes" >/dev/null ||
			problem "$name had an answer, and is not in"
	done
	if [ -n "$(marks revoked)" ]; then
		jq -e 'any(.nodes[]; .name == "n3" and .state == "revoked")' "$tap_dir/nodes" >/dev/null ||
			problem "the revocation is gone"
	fi
	name=$(marks n | tail -n 1)
	if [ -n "$name" ] && [ -z "$(marks revoked)" ]; then
		"$joiner" again - "$tap_dir/$name" >"$tap_dir/again" 2>&1
		cmp -s "$tap_dir/again" "$tap_dir/$name/answer" || problem "$name has another answer: $(cat "$tap_dir/again")"
	fi
	nodes=$(jq '.nodes | length' "$tap_dir/nodes")
	local_api /v1/grants >/dev/null
	uses=$(jq '[.grants[] | .uses - .left] | add' body)
	[ "$nodes" = "$uses" ] || problem "$nodes nodes, and $uses uses are gone"
	server_kill 0
	signer_stop
}
there() { [ "$(status_of .signer.connected)" = true ]; }
from=1 looked=0
for ((k = 0; k < ${#points[@]}; k += step)); do
	point=${points[k]}
	must "$tools/replaylog" "$tap_dir/log" "$tap_dir/replayed" "$from" "$point"
	from=$((point + 1))
	must cp --sparse=always "$tap_dir/replayed" "$tap_dir/scratch"
	must mount -o loop "$tap_dir/scratch" "$dir"
	cd "$dir" || exit
	judge
	cd / || exit
	must umount "$dir"
	looked=$((looked + 1))
done
is "$problems" 0 "the power failed behind $looked flushes: all holds"
done_testing
