#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 3000
# A machine joins and gets its generation, and merlon-control or merlon-signer is killed at a
# system call of that. Then it is started again, and:
#
#   - a join that had an answer has the very same answer
#   - one that had none is finished by sending it again, or was never begun: then nothing of
#     the key is used, and another challenge lets the machine in
#   - of the key exactly one use is gone
#   - the audit log verifies, as it lay on the disk at the death, and in the end; it tells of
#     each machine exactly once
#
#	joiner --- TLS --- merlon-control --- unix socket --- merlon-signer
#	                     store, audit log                    ledger
#
# About one minute; MERLON_LENGTH=long: at every call. BUILD=asan: with sanitizers.

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=crash.bash
. selftests/control/crash/crash.bash
# shellcheck source=../real.bash
. selftests/control/real.bash

control_setup
server_start 0
ok "a policy is published" policy_publish 1

# One key is good for 25 machines.
key_turn() { ((number % 25)) || key_create --uses 25 >key; }
uses_gone() { local_api "/v1/grants?count=1000" >/dev/null && jq '[.grants[] | .uses - .left] | add' body; }
answer_of() { head -n 1 "$1"; }
again() { "$joiner" again - "$dir/$1" >"$1/again" 2>&1; answer_of "$1/again"; }
has_answer() { [ "$(again "$1")" = 200 ]; }

# A join, and its generation.
cat >step <<'END'
#!/bin/bash
"$joiner" join - "$1" "$dir/$1" <key >"$1/answer" 2>&1
[ "$(head -n 1 "$1/answer")" = 200 ] || exit
exec "$joiner" poll - "$dir/$1" 0 0 20 >"$1/leaf" 2>&1
END
chmod 755 step
export joiner dir

problems=0 number=0
problem() { # SENTENCE
	problems=$((problems + 1))
	diag "$name, $(tail -n 1 struck): $1"
}

# What must be now that all runs again, of machine $name.
judge() {
	local before=$((number - 1)) gone

	gone=$(uses_gone)
	if [ "$(answer_of "$name/answer")" = 200 ]; then
		[ "$(again "$name")" = 200 ] && cmp -s "$name/answer" "$name/again" ||
			problem "it had an answer, and now: $(cat "$name/again")"
	elif [ "$gone" != "$before" ]; then
		wait_for 20 has_answer "$name" || problem "its use is gone, and it is not in"
	elif ! [ -s "$name/join.json" ] || [ "$(again "$name")" != 200 ]; then
		[ "$("$joiner" join - "$name" "$dir/$name" <key 2>&1 | head -n 1)" = 200 ] ||
			problem "another challenge does not help"
	fi
	gone=$(uses_gone)
	[ "$gone" = "$number" ] || problem "$gone uses are gone"
}

# strike PROCESS RESTART AT: 1: there are not so many calls
strike() {
	local status=0

	key_turn
	number=$((number + 1)) name=m$number
	mkdir "$name"
	{ "$killat" "$3" "$1" -- ./step "$name" >>struck || status=$?; } 2>>noise
	[ "$status" = 0 ] || [ "$status" = 99 ] || problem "status $status: $(tail -n 1 noise)"
	if [ "$status" = 99 ]; then
		audit_is_well >verified 2>&1 || problem "the audit log: $(cat verified)"
		"$2"
	fi
	judge
	[ "$status" = 99 ]
}
server_again() { server_kill 0; server_start 0; }
strike_server() { strike "${server[0]}" server_again "$1"; }
# ORDER: its socket goes, or a new one is not waited for.
signer_again() { signer_stop; rm -f signer.sock; signer_start; }
strike_signer() { strike "$signer" signer_again "$1"; }

declare -A step=([server]=120 [signer]=10) least=([server]=40 [signer]=5)
for who in server signer; do
	: >struck
	problems=0
	sweep 1 "${step[$who]}" "strike_$who"
	diag "killed $points times: $(sed -n 's/^killed [0-9]* [0-9]* //p' struck | sort | uniq -c | sort -rn | xargs)"
	is "$problems" 0 "merlon-$who killed at system calls of a join: all holds"
	ok "at all that change files" test "$at_changes" -ge "${least[$who]}" -o "${MERLON_LENGTH:-normal}" = long
done

# --- in the end -------------------------------------------------------------------------
all_in() { [ "$(status_of .generation.nodes)" = $((number + 1)) ]; }
ok "all $number machines are in a generation" wait_for 20 all_in
is "$("$joiner" fetch - "$dir/$name" 2>&1 | cut -d' ' -f3)" "$name" "the last one's bundle verifies"
ok "the server ends well" server_kill 0 TERM
ok "the audit log verifies" audit_is_well
is "$(events 'select(.event_type == "node.enrol").details.node' | sort | uniq -c | awk '{ print $1 }' | sort -u)" 1 \
	"it tells of nobody twice"
is "$(events 'select(.event_type == "node.enrol").details.node' | sort -u | wc -l)" "$number" "and of all"
done_testing
