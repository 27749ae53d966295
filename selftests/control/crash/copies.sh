#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 3000
# merlon-control backup and restore are killed at their system calls.
#
#   - a backup that was killed has left no file of its name, or one that verifies; the
#     server beside it goes on, and the next backup is made
#   - a restore that was killed has left the server that was there, or the one of the
#     backup, or none at all, which refuses to start with a sentence: never a mixture; it
#     can be done again, and then what was there before it lies beside the new one
#
#	joiner --- TLS --- merlon-control --- unix socket --- merlon-signer
#	                     state (a node joined behind the backup; files were changed)
#	                       | backup ^ restore
#	                       +- file -+
#
# A minute; MERLON_LENGTH=long: at every call. BUILD=asan: with sanitizers.

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=crash.bash
. selftests/control/crash/crash.bash
# shellcheck source=../real.bash
. selftests/control/real.bash

sealed=backup-passphrase-$RANDOM config=$dir/control-0.json
backup() { "$build/merlon-control" backup --config "$config" --passphrase-fd 4 "$1" 4<<<"$sealed"; }
restore() { # FILE [OPTION...]
	setsid -w "${killing[@]}" "$build/merlon-control" restore --config "$config" --user daemon \
		--passphrase-fd 4 --key "$dir/audit.pub" "${@:2}" "$1" 4<<<"$sealed" </dev/null
}
killing=()
join() { mkdir -p "$1"; "$joiner" join - "$1" "$dir/$1" <key >"$1/answer" 2>&1; head -n 1 "$1/answer"; }
problems=0
problem() { # SENTENCE
	problems=$((problems + 1))
	diag "$(tail -n 1 struck): $1"
}
report() { # DESCRIPTION
	diag "killed $points times: $(sed -n 's/^killed [0-9]* //p' struck | sort | uniq -c | sort -rn | xargs)"
	is "$problems" 0 "$1"
	ok "at calls that change files" test "$at_changes" -ge 5 -o "${MERLON_LENGTH:-normal}" = long
	: >struck
	problems=0
}

control_setup
server_start 0
ok "a policy is published" policy_publish 1
key_create --uses 25 >key
is "$(join n1)" 200 "a node joins"
cp state/audit.pub audit.pub

# --- backup ---------------------------------------------------------------------------------
: >struck
strike_backup() { # AT: 1: there are not so many calls
	local status=0

	rm -f killed.backup killed.backup.part
	"$killed" "$1" "$build/merlon-control" backup --config "$config" --passphrase-fd 4 killed.backup \
		3>>struck 4<<<"$sealed" >output 2>&1 || status=$?
	if [ -e killed.backup ]; then
		restore killed.backup --check >output 2>&1 || problem "it does not verify: $(cat output)"
	elif [ "$status" != 99 ]; then
		problem "status $status and no file: $(cat output)"
	fi
	is_well || problem "the server is not well: $(cat body)"
	[ "$status" = 99 ]
}
sweep 1 200 strike_backup
report "backup killed at its system calls: no file, or one that verifies"
is "$(join n2)" 200 "the server goes on"
rm -f killed.backup
: >killed.backup.part
exits 2 "what a stopped backup left is not overwritten" backup killed.backup
like "$(cat "$tap_dir/output")" "killed.backup.part.*remove" "which it says, and what to do"
rm killed.backup.part
ok "then a backup is made" backup good.backup

# --- restore, in the place of a server ---------------------------------------------------------
is "$(join n3)" 200 "behind it a node joins"
ok "the server ends" server_kill 0 TERM
signer_stop
# The backup's other parts are other ones now, too.
openssl rand -out state/totp.key 32
for file in server.pem authority.pem; do
	echo "changed behind the backup" >>"state/$file"
done
cp -a state old.state

files_of() { (cd "$1" && find . -maxdepth 1 -type f ! -name 'store*' -exec sha256sum {} + | sort -k 2) 2>/dev/null; }
# Which server is it? What it says itself, when it is started, and its files.
server_of() {
	local nodes

	server_begin 0
	until grep -q 'ready:' started-0; do
		kill -0 "${server[0]}" 2>/dev/null || break
		read -rt 0.02 <> <(:)
	done
	if ! grep -q 'ready:' started-0; then
		server_kill 0
		cat started-0
		return 1
	fi
	local_api /v1/nodes >/dev/null
	nodes=$(jq -r '.nodes[].name' body | sort | xargs)
	server_kill 0 TERM
	audit_is_well >verified 2>&1 || echo "the audit log: $(cat verified)"
	echo "nodes: $nodes"
}
reset() {
	rm -rf state state.restore state.before-*
	cp -a old.state state
}
files_old=$(files_of old.state)
old=$(server_of)
reset
restore good.backup --force >output 2>&1 || bail "no restore: $(cat output)"
files_new=$(files_of state)
new=$(server_of)
is "$old, $new" "nodes: n1 n2 n3, nodes: n1 n2" "the server that was there, and the one of the backup"
ok "whose files are others" test "$files_old" != "$files_new"

beside_is_old() { # and whole: what it was before
	local there

	for there in state.restore state.before-*; do
		[ "$(files_of "$there")" != "$files_old" ] || return 0
	done
	return 1
}
judge_restore() {
	local files said

	files=$(files_of state)
	cp -a state state.then
	if ! said=$(server_of); then
		problem "it does not start: $said"
	elif ! { [ "$files" = "$files_old" ] && [ "$said" = "$old" ]; } &&
		! { [ "$files" = "$files_new" ] && [ "$said" = "$new" ]; }; then
		problem "$said, of files $files"
	fi
	rm -rf state
	mv state.then state
}
# Once more, where the one that was killed had begun to put things into their place.
restore_again() {
	restore good.backup --force >output 2>&1 || problem "again: $(cat output)"
	[ "$(files_of state)" = "$files_new" ] || problem "again: it is not the one of the backup"
	beside_is_old || problem "again: what was there before is not beside it"
}
strike_restore() { # AT
	local status=0

	reset
	killing=("$killed" "$1")
	restore good.backup --force 3>>struck >output 2>&1 || status=$?
	killing=()
	[ "$status" = 0 ] || [ "$status" = 99 ] || problem "status $status: $(cat output)"
	judge_restore
	if [ "$(files_of state)" != "$files_old" ]; then
		restore_again
	fi
	[ "$status" = 99 ]
}
sweep 40 400 strike_restore
report "restore killed at its system calls: the one server, or the other"
reset
mkdir state.restore && : >state.restore/left && chown -R daemon state.restore
ok "what it left is no hindrance" restore good.backup --force

# --- restore, on another machine -----------------------------------------------------------------
cp "$config" old.json
strike_new() { # AT
	local status=0 said

	rm -rf state state.restore state.before-* "$config"
	killing=("$killed" "$1")
	restore good.backup --force 3>>struck >output 2>&1 || status=$?
	killing=()
	[ "$status" = 0 ] || [ "$status" = 99 ] || problem "status $status: $(cat output)"
	if said=$(server_of); then
		[ "$said" = "$new" ] || problem "$said"
	elif ! grep -qE '^merlon-control: .*control-0.json' <<<"$said"; then
		problem "no sentence: $said"
	fi
	[ "$status" = 99 ]
}
sweep 100 800 strike_new
report "restore on another machine, killed: no server, or a whole one"
ok "it can be done again" restore good.backup --force
signer_start
server_start 0
ok "and with its signer all is well" wait_for 20 is_well
done_testing
