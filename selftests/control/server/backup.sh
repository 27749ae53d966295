#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# backup and restore of merlon-control, beside a signer that goes on: what was let in
# behind the backup comes back from the signer's ledger, what was revoked stays so.
#
#	joiner (127.0.0.x) --- TLS --- merlon-control --- unix socket --- merlon-signer
#	                                 store, audit log                    ledger
#	                                     | backup ^ restore
#	                                     +- file -+
#
# BUILD=asan: the same with sanitizers.

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
tree=$PWD
# shellcheck source=common.bash
. selftests/control/server/common.bash
# shellcheck source=copies.bash
. "$tree/selftests/control/server/copies.bash"

# refused PATTERN DESCRIPTION COMMAND...: status 2, one sentence, and nothing has changed
refused() {
	local before after status=0

	before=$(state_of)
	"${@:3}" >"$tap_dir/output" 2>&1 || status=$?
	after=$(state_of)
	if [ "$status" = 2 ] && grep -qE -- "$1" "$tap_dir/output" && [ "$before" = "$after" ]; then
		pass "$2"
	else
		fail "$2" || true
		tap_explain "$status" "${@:3}"
	fi
}
state_of() { find "$at" -path '*state*' -type f -printf '%p %s %T@\n' 2>/dev/null | sort | sha256sum; }
network_start
key_create --tag tag:web --uses 10 >many
key_create --tag tag:web >once
for node in n1 n2; do is "$(join many $node)" 200 "$node joins"; done

# --- a backup, while joins go on ----------------------------------------------
(for i in 1 2 3 4; do join many "busy$i" >/dev/null; done) &
joining=$!
ok "a backup while nodes join" backup first.backup
wait "$joining"
is "$(stat -c %U:%a first.backup)" root:600 "which is its maker's alone"
exits 2 "another never takes its place" backup first.backup
not_ok "and leaves no part behind" test -e first.backup.part
like "$(control status --json | jq .audit.entries)" . "the server goes on"
told() { "$merlon" audit show --json --key state/audit.pub state/audit | jq -c '.. | objects | select(.event_type?)'; }
like "$(told | grep backup.create)" "$(sha256sum <first.backup | cut -c-64)" "the audit log has its digest"
grep -qa tag:web state/store.db* || bail "the store does not hold what is looked for below"
for clear in tag:web busy1 PRIVATE merlon-secret-key; do
	not_ok "the file does not say '$clear' in the clear" grep -qa -- "$clear" first.backup
done

# --- behind the backup ----------------------------------------------------------
is "$(join once n3)" 200 "behind the backup a node joins, by a key that is good once"
is "$(local_api /v1/revoke -d '{"node":"n2"}')" 200 "and another is revoked"
grant=$(grant_of n3)
key_create --tag tag:web --uses 2 >late
is "$(join late n5)" 200 "a third, by a key that was made behind it"
late=$(grant_of n5)
is "$(uses_left "$grant")" 0 "the key is used"
is "$(fetched n3)" n3 "the new node fetches"

# --- every damaged form -----------------------------------------------------------
check() { restore "$1" --check --key "$dir/state/audit.pub" "${@:2}"; }
ok "the backup verifies (which proves the refusals below)" check first.backup
size=$(stat -c %s first.backup)
flip() { # OFFSET
	local byte

	cp first.backup bad
	byte=$(od -An -tu1 -j "$1" -N1 bad)
	printf "\\x$(printf %02x $((byte ^ 1)))" | dd of=bad bs=1 seek="$1" conv=notrunc status=none
}
flip 2; refused "not a backup" "an altered beginning" check bad
flip 30; refused "backup" "an altered head" check bad
flip 400; refused "altered" "an altered first frame" check bad
flip $((size - 70000)); refused "altered" "an altered frame" check bad
flip $((size - 1)); refused "altered" "an altered last byte" check bad
for length in 0 10 300 $((size / 2)) $((size - 1)); do
	head -c "$length" first.backup >bad
	refused "torn|not a backup" "the first $length bytes of it" check bad
done
{ cat first.backup; printf x; } >bad
refused "altered" "a byte too many" check bad
secret=wrong refused "passphrase is wrong" "a wrong passphrase" check first.backup
refused "empty" "no passphrase" env sealed= bash -c \
	"'$build/merlon-control' backup --config '$dir/control.json' --passphrase-fd 3 empty.backup 3<<<''"
refused "the server runs" "not while the server runs" restore first.backup --force
stop_server
refused "say --force" "not without a word, where nobody can be asked" restore first.backup

# Of other servers: another network, and one that only has the same name.
mkdir other && chmod 1777 other
at=$dir/other
init elsewhere >init.out 2>&1 || bail "init: $(cat init.out)"
ok "a server of another network" backup other.backup
rm -rf other/state other/control.json other/ledger other/keys
init net >init.out 2>&1 || bail "init: $(cat init.out)"
ok "and one that calls itself the same" backup same.backup
at=$dir
refused 'of network "elsewhere"' "a backup of another network" restore other.backup --force
refused 'another server' "a backup that another server signed" restore same.backup --force

# --- back, in the place of what is there -------------------------------------------
cp -a state state.then
restore first.backup --force >restored 2>&1 || { cat restored; bail "no restore"; }
diag "$(cat restored)"
like "$(cat restored)" 'revoked since: n2' "what was revoked since is said"
like "$(cat restored)" 'joined since: n3' "and who joined"
like "$(cat restored)" '1 made, 1 uses' "and how often keys were used"
like "$(cat restored)" 'entries since: [0-9]+, which are kept' "and what was told"
ok "what was there stays beside it" test -e "$(sed -n 's/^before *\([^:]*\):.*/\1/p' restored)/store.db"
ok "the audit log verifies" audit_verify
ok "and extends the one that was" audit_verify --checkpoint state.then/audit/checkpoint
start_server
after_restore() {
	wait_for 10 control health
	is "$(fetched n1)" n1 "$1: a node of before fetches"
	is "$(fetched n3)" n3 "$1: and the one that joined since"
	is "$("$joiner" fetch - "$dir/n2" >/dev/null 2>&1; echo $?)" 2 "$1: the revoked one does not"
	is "$("$joiner" renew - n2 "$dir/n2" | head -n 1)" 403 "$1: nor gets a certificate"
	is "$(uses_left "$grant")" 0 "$1: the used key has no use again"
	is "$(fetched n5)" n5 "$1: so does who came by a key that was made since"
	is "$(uses_left "$late")" 1 "$1: which has one use left"
	is "$(join once n4)" 403 "$1: and lets nobody in"
	is "$(uses_left "$(grant_of n1)")" 4 "$1: of the other as many are left as the signer says"
}
after_restore "in its place"
like "$(told | grep backup.restore)" '"count":[1-9]' "the audit log says that it was restored"

# --- another machine ----------------------------------------------------------------
stop_server KILL
cp state/audit.pub audit.pub
rm -rf state state.before* state.then control.json
exits 2 "without a key to compare with, nobody who could be asked" restore first.backup --force
like "$(cat "$tap_dir/output")" "say --key" "which is what it says"
not_ok "and nothing is made" test -e state
ok "with it" restore first.backup --force --key "$dir/audit.pub"
is "$(stat -c %U:%a state state/authority.key state/store.db control.json | tr '\n' ' ')" \
	"daemon:700 daemon:600 daemon:600 root:644 " "secrets belong to whom they should"
start_server
after_restore "elsewhere"
stop_server
ok "the audit log verifies" audit_verify

done_testing
