#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# The audit log of a merlon-control that runs: cosigned by the signer, which sees when it
# was put back; copied to syslog; and old entries go. The judge is merlon audit verify, on
# the files and the two public keys.
#
#	merlon-control --- unix socket --- merlon-signer
#	   |        \--- unix socket --- socat (for a syslog daemon)
#	 tiles ------ merlon audit verify
#
# BUILD=asan: the same with sanitizers.

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=common.bash
. selftests/control/server/common.bash
ager=$build/server/ager

of() { control status --json | jq -r ".audit.$1"; }
cosigned() { [ "$(of cosigned)" -ge "${1:-1}" ]; }
uncosigned() { of uncosigned | grep -qE -- "$1"; }
restart() { stop_server; start_server; }
config_set() { jq "$1" "$at/control.json" >c.json && cp c.json "$at/control.json"; }
verify() { "$merlon" audit verify --key "$at/state/audit.pub" --cosigner "$cosigner" "$at/state/audit" "$@"; }
told() { "$merlon" audit show --json --key "$at/state/audit.pub" "$at/state/audit" | jq -c '.. | objects | select(.event_type?)'; }
forget() {
	"$build/merlon-signer" --state-dir "$at/ledger" --key "$dir/keys/signing.key" --user nobody \
		--server-user daemon --forget-log
}
ledger_says() {
	"$build/merlon-signer" --state-dir "$at/ledger" --key "$dir/keys/signing.key" --user nobody \
		--server-user daemon --check
}

network_start

# --- cosigned ---------------------------------------------------------------------
ok "the signer cosigns as soon as both run" wait_for 15 cosigned
cosigner=$(of cosigner)
like "$cosigner" '^merlon/net/signer\+' "status says by which key"
ok "the files verify under both keys" verify
openssl genpkey -algorithm ed25519 -outform der 2>/dev/null | tail -c 32 >seed
not_ok "but not under another's" verify --cosigner "$(sed 's/+.*//' <<<"$cosigner")+00000000+BA$(base64 <seed | tail -c 45)"
restart
ok "after a restart what came since is cosigned, too" wait_for 15 cosigned "$(($(of entries) - 1))"
stop_server
ok "and the files say so" verify
size=$(sed -n 2p state/audit/cosigned)
stop_signer
like "$(ledger_says)" "cosigner $(sed 's/[+]/[+]/g' <<<"$cosigner"), $size audit entries" \
	"the ledger knows how far, and names the same key"

# --- put back -----------------------------------------------------------------------
start_signer
cp -a state earlier
start_server
for _ in 1 2 3; do
	wait_for 15 cosigned $((size + 1)) || bail "not cosigned: $(of uncosigned)"
	restart
done
wait_for 15 cosigned $((size + 6)) || bail "not cosigned: $(of uncosigned)"
stop_server
cp -a state since
rm -rf state && mv earlier state
start_server
ok "a log that was put back is not cosigned" wait_for 15 uncosigned "was put back"
like "$(control status)" "not cosigned" "status says so"
for _ in 1 2 3 4 5; do restart; done
ok "nor when it has grown past what was seen" wait_for 15 uncosigned "is not shown to begin with"
stop_signer
start_signer
ok "nor by a signer that was started anew" wait_for 15 uncosigned "is not shown to begin with"
stop_server
not_ok "and it is no continuation of what was cosigned" verify --checkpoint since/audit/cosigned
stop_signer
ok "the signer can be told, on its machine, that the log is lost" forget
start_signer
start_server
ok "then it cosigns this one" wait_for 15 cosigned
stop_server
ok "which verifies" verify
exits 0 "its own checkpoint is of its history" verify --checkpoint state/audit/cosigned

# --- syslog ---------------------------------------------------------------------------
socat -u UNIX-LISTEN:"$dir/log.sock",fork,mode=666 OPEN:"$dir/syslog",creat,append &
reader=$!
at_exit kill "$reader"
wait_for 5 test -S log.sock
config_set ".syslog = \"$dir/log.sock\""
start_server
ok "entries come to syslog" wait_for 10 grep -qa 'server.start' syslog
like "$(head -c 200 syslog)" '^[0-9]+ <109>1 [0-9T:.-]+Z [^ ]+ merlon-control [0-9]+ server.start \[merlon@32473 ' \
	"as RFC 5424 has it, framed"
last=$(grep -ao 'index="[0-9]*"' syslog | tail -n 1 | tr -dc 0-9)
stop_server
like "$(told | tail -n 1)" server.stop "the end of the server is in the log"
ok "and came to syslog" grep -qa server.stop syslog
is "$(grep -ao 'index="[0-9]*"' syslog | tr -dc '0-9\n' | sort -n | uniq -d)" "" "no entry twice"
[ "$last" ] || fail "entries have their index"
kill "$reader"
wait_for 5 bash -c "! [ -S $dir/log.sock ] || rm -f $dir/log.sock"
start_server
ok "without a reader the server goes on" wait_for 10 control health
stop_server

# --- old entries go ---------------------------------------------------------------------
stop_signer
config_set '.auditDays = 364'
exits 2 "364 days are too few" "$build/merlon-control" serve --config control.json --user daemon
like "$(cat "$tap_dir/output")" "365 days at least" "and it says how many"
mkdir old && chmod 1777 old
at=$dir/old
init net >init.out 2>&1 || bail "init: $(cat init.out)"
ok "a log of 600 entries of 400 days ago" setpriv --reuid daemon --regid daemon --clear-groups \
	"$ager" old/state/store.db old/state/aged.db net 600 400
rm -f old/state/store.db*
mv old/state/aged.db old/state/store.db
aged() { cat old/state/store.db* | grep -ao '"actor":"aged"' | wc -l; }
is "$(aged)" 600 "(which are in the store)"
config_set '.auditDays = 500'
start_server
wait_for 10 test -e old/state/audit/tile/entries/001
stop_server
ok "younger than configured: all stay" test -e old/state/audit/tile/entries/000
cp -r old/state/audit/checkpoint full.checkpoint
config_set '.auditDays = 365'
start_server
ok "older: they go" wait_for 10 bash -c "! [ -e old/state/audit/tile/entries/001 ]"
not_ok "the first ones, too" test -e old/state/audit/tile/entries/000
ok "but not a bundle with younger ones" bash -c "ls old/state/audit/tile/entries/002*"
wait_for 10 grep -q "entries before 512" started
stop_server
"$merlon" audit verify --key old/state/audit.pub old/state/audit >verified 2>&1
is $? 0 "the log verifies without them"
like "$(cat verified)" 512 "which says where it begins"
ok "and extends the one with them" "$merlon" audit verify --key old/state/audit.pub old/state/audit \
	--checkpoint full.checkpoint
is "$(aged)" 88 "they are gone from the store, too, to the last byte"
ok "a backup of it" bash -c "'$build/merlon-control' backup --config old/control.json --passphrase-fd 3 b 3<<<x"
rm -rf old/state.audit && mv old/state old/before
ok "restores" bash -c "setsid -w '$build/merlon-control' restore b --config old/control.json --user daemon \
	--passphrase-fd 3 --force --key old/before/audit.pub 3<<<x"
ok "and verifies" "$merlon" audit verify --key old/state/audit.pub old/state/audit --checkpoint full.checkpoint
start_server
stop_server
is "$(told | grep -c log.prune)" 1 "nothing is pruned twice"
rm -r old/state/audit/tile/entries/002*
not_ok "without the entry that tells of it, missing ones are a fault" \
	"$merlon" audit verify --key old/state/audit.pub old/state/audit

done_testing
