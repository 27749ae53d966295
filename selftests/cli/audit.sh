#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# merlon audit: a log that the server's own code made, as an outsider sees it.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=common.bash
. "$(dirname "$0")/common.bash"
mkaudit=$root/build/user/tools/mkaudit
[ -x "$mkaudit" ] || bail "$mkaudit is not built"
cd "$tap_dir" || exit

must "$mkaudit" log count=6 cosign=1
"$mkaudit" log count=0 >keys
key=$(sed -n 1p keys) cosigner=$(sed -n 2p keys)
cp log/checkpoint six
must "$mkaudit" log count=3

# --- verify -----------------------------------------------------------------
yes "a log is whole" audit verify log --key "$key" --cosigner "$cosigner" --json
json '[.verified, .origin, .size, .first, .uncommitted] | tostring' \
	'[true,"merlon.example.net/audit",9,0,0]' "and says what it is"
json '[.cosigned.size, .cosigned.time, .cosigned.by] | tostring' \
	'[6,"2026-01-01T00:00:00Z","merlon.example.net/signer"]' "and how far it was cosigned"
echo "$key" >key.txt
yes "the key may be in a file, the signer's may be unknown" audit verify log/ --key key.txt --json
json .cosigned null "then it is not said that it was cosigned"
yes "it has the history of an older checkpoint" audit verify log --key "$key" --checkpoint six
yes "in words" audit verify log --key "$key"
like "$(said out)" "Every entry and every hash is what was signed" "it says so"

misuse "say whose log it is" "no key" audit verify log
misuse "not a key for signed notes" "no such key" audit verify log --key "${key}x"
misuse "give it by --cosigner" "the cosigner's as the log's" audit verify log --key "$cosigner"
misuse "give it by --key" "and the other way round" audit verify log --key "$key" --cosigner "$key"
misuse "No such file" "no log" audit verify nowhere --key "$key"

must "$mkaudit" lone count=2
no "no checkpoint of it was cosigned" "a log that nobody cosigned" \
	audit verify lone --key "$key" --cosigner "$cosigner"
must "$mkaudit" forked count=9 twist=1
yes "a forked log is good by itself" audit verify forked --key "$key"
no "of another history" "but not beside a checkpoint of the other" \
	audit verify forked --key "$key" --checkpoint six
no "it was rolled back" "nor is a shorter one" audit verify lone --key "$key" --checkpoint six
cp -r log altered
sed -i 's/admin:anna/admin:anne/' altered/tile/entries/000.p/9
no "tile/entries/000.p/9: is not what follows" "an altered entry" audit verify altered --key "$key"
rm altered/tile/entries/000.p/9
no "somebody removed them" "entries that are gone" audit verify altered --key "$key"
rm altered/tile/0/000.p/9
no "No such file" "a tile that is gone" audit verify altered --key "$key"
sed -i 's/^9$/8/' altered/checkpoint
no "altered after it was signed" "an altered checkpoint" audit verify altered --key "$key"

# --- show -------------------------------------------------------------------
yes "entries" audit show log --key "$key" --json
json '.entries | length' 9 "all of them"
json '.entries[1] | [.index, .timestamp, .event_type, .source_ip, .endpoint, .reason] | tostring' \
	'[1,"2026-01-01T00:01:00.000000Z","auth.failure","198.51.100.7","POST /v1/login","bad_password"]' \
	"with what is in them"
not_ok "what stands behind a '?' is nowhere" grep -r canary-in-a-query log out
json '.entries[1].user_agent | contains("evil\r\n")' true "what a stranger sent is there"
not_ok "and on no line of its own" grep -a '^{"level"' log/tile/entries/000.p/9
merlon_run audit prove log 1 --key "$key" --json
jq -rj .entry out >entry
ok "a control character is an escape" grep -q 'evil.r.n.*u001B.31m.uFFFD.u202E gpj' entry
not_ok "and no byte of the log is one that a terminal obeys" \
	env LC_ALL=C grep -qP '[^\x20-\x7e]' entry
yes "of one kind" audit show log --key "$key" --type auth.failure --json
json '[.entries[].index] | tostring' '[1,5]' "those alone"
yes "of a family of them" audit show log --key "$key" --type auth --json
json '[.entries[].index] | tostring' '[1,2,5,6]' "those alone"
yes "of one actor" audit show log --key "$key" --actor uid:0 --json
json '[.entries[].index] | tostring' '[0,4,8]' "those alone"
yes "of some minutes" audit show log --key "$key" --since 2026-01-01T00:02:00Z \
	--until 2026-01-01T00:04:00Z --json
json '[.entries[].index] | tostring' '[2,3]' "those alone"
yes "the last" audit show log --key "$key" --last 2 --json
json '[.entries[].index] | tostring' '[7,8]' "those alone"
yes "in words" audit show log --key "$key"
like "$(said out)" 'auth\.failure +198\.51\.100\.7 +POST /v1/login +bad_password' "a line each"
not_ok "nothing that a terminal obeys" env LC_ALL=C grep -qP '[^\x20-\x7e]' out
misuse "not a time" "a time" audit show log --key "$key" --since yesterday
no "is not what follows|somebody removed|altered" "nothing is shown of an altered log" \
	audit show altered --key "$key"
is "$(said out)" "" "nothing at all"

# --- prove ------------------------------------------------------------------
yes "an entry is in the log" audit prove log 7 --key "$key"
is "$(sed -n 1,2p out | xargs)" "c2sp.org/tlog-proof@v1 index 7" "as c2sp.org/tlog-proof has it"
is "$(sed -n '3,/^$/p' out | grep -c '=$')" 4 "four hashes, as nine leaves take"
is "$(sed '1,/^$/d' out)" "$(cat log/checkpoint)" "and the checkpoint behind them"
yes "in JSON" audit prove log 7 --key "$key" --json
json '.entry | fromjson | .details.node' gamma "with the entry"
like "$(jq -r .leaf out)" "^[A-Za-z0-9+/]{43}=$" "and its hash"
is "$(jq -r .leaf out)" "$({ printf '\0'; jq -rj .entry out; } | openssl dgst -sha256 -binary |
	base64)" "which is the one that RFC 6962 says"
no "there is no entry 9" "an entry that is not there" audit prove log 9 --key "$key"
yes "the log only grew" audit prove log --from six --key "$key"
is "$(head -n 1 out)" "old 6" "as c2sp.org/tlog-witness has it"
no "consistency proof" "a forked log did not" audit prove forked --from six --key "$key"
no "rolled back" "nor did a shorter one" audit prove lone --from six --key "$key"
misuse "say what to prove" "nothing to prove" audit prove log --key "$key"
misuse "say what to prove" "two things to prove" audit prove log 1 --from six --key "$key"
misuse "expected a number" "no number" audit prove log --key "$key" -- -1

done_testing
