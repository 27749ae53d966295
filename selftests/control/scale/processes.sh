#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# Three processes of merlon-control on one PostgreSQL, with one signer: what was begun at one
# goes on at another; whichever dies, and whatever connection to the database is lost.
#
#	nodes, people ---- TLS ---- merlon-control 0 ---+--- PostgreSQL
#	              ---- TLS ---- merlon-control 1 ---+--- merlon-signer
#	              ---- TLS ---- merlon-control 2 ---+--- the state directory

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
tree=$PWD
# shellcheck source=../real.bash
. selftests/control/real.bash
peopled=$build/control/peopled
[ -x "$peopled" ] || bail "$peopled is not built: make people-programs"
# shellcheck source=postgres.bash
. "$tree/selftests/control/scale/postgres.bash"

url() { echo "https://127.0.0.1:${port[$1]}"; }
at() { printf %s "$(url "$1")" >"$2/url"; }	# DIR's machine asks process N
node_of() { "$joiner" fetch - "$1" | cut -d' ' -f3; }
at=1
ok "a policy is published at 1" policy_publish 1
at=0
ok "all three are well" wait_for 20 eval 'at=0 is_well && at=1 is_well && at=2 is_well'
is "$(sequencer)" 0 "one of them writes the audit log"

# --- nodes ---------------------------------------------------------------------
key_create --uses 25 >key
mkdir n1 n2 n3
"$joiner" join - n1 n1 <key >n1/answer
is "$(head -n 1 n1/answer)" 200 "a machine joins at 0"
for i in 1 2; do
	at $i n1
	is "$(node_of n1)" n1 "and fetches at $i"
	"$joiner" again - n1 >again
	ok "where its join has the same answer" cmp again n1/answer
done
must "$joiner" prepare - n2 n2 <key
at 1 n2
is "$("$joiner" again - n2 | head -n 1)" 403 "a nonce is good at the process that gave it, and at no other"
at 0 n2
"$joiner" again - n2 >n2/answer
is "$(head -n 1 n2/answer)" 200 "where it is good still"
"$crowd" race 1 won "$(url 2)" <key >race
is "$(grep '^[0-9]' race)" "200 1" "who asks at 2 joins at 2"
at 0 won/won-0
is "$(node_of won/won-0)" won-0 "and fetches at 0"

# --- what is changed at one is known to all -----------------------------------------
at 2 won/won-0
generation() { at=2 status_of '.generation | "\(.epoch) \(.serial)"'; }
wait_for 10 eval '[ "$(at=2 status_of .generation.nodes)" = 4 ]'	# with gate
# shellcheck disable=SC2046
"$joiner" poll - won/won-0 $(generation) 40 >poll &
waiting=$!
wait_for 5 bash -c "[ \$(ss -Htn state established '( sport = :${port[2]} )' | wc -l) -ge 1 ]"
begun=${EPOCHREALTIME/./}
is "$(at=0 local_api /v1/revoke -d '{"node":"won-0"}')" 200 "it is revoked at 0"
wait "$waiting"
took=$((${EPOCHREALTIME/./} - begun))
is "$(head -n 1 poll)" 403 "its poll, which waited at 2, ends with a refusal"
ok "within 2 s ($((took / 1000)) ms)" test "$took" -lt 2000000
"$trustee" root net 2 0 r1 | jq '{root: .}' >root2
is "$(at=1 local_api /v1/root -d @root2)" 200 "a root is taken at 1"
is "$(at=2 local_api '/v1/roots?after=1'; jq '.roots | length' body)" "2001" "and handed out at 2"
ok "which judges by it soon" wait_for 5 eval '[ "$(at=2 status_of .root.version)" = 2 ]'

# --- people ------------------------------------------------------------------------------
password='a horse and a staple'
mkdir clock
local_api /v1/admins -d "{\"name\":\"anna\",\"role\":\"owner\",\"password\":\"$password\"}" >/dev/null
secret=$(jq -r .totp body | sed -n 's/.*secret=\([A-Z2-7]*\).*/\1/p')
login() { # PROCESS CODE
	at=$1 api /v1/session -H 'content-type: application/json' \
		-d "{\"name\":\"anna\",\"password\":\"$password\",\"totp\":\"$2\"}"
}
code=$("$peopled" code clock "$secret")
is "$(login 0 "$code")" 200 "who logs in at 0"
token=$(jq -r .token body)
is "$(at=1 api /v1/session -H "authorization: Bearer $token")" 200 "has a session at 1"
is "$(login 2 "$code")" 403 "the code was used, at 2 as well"
is "$(at=1 api /v1/session -X DELETE -H "authorization: Bearer $token")" 204 "the session ends at 1"
is "$(at=2 api /v1/session -H "authorization: Bearer $token")" 403 "and is over at 2"
at=0

# --- a process dies --------------------------------------------------------------------
server_kill 0
at=1
ok "the one that writes the log is killed: another does" wait_for 10 eval '[[ $(sequencer) == [12] ]]'
key_create --uses 25 >key
ok "all is written" wait_for 10 is_written
before=$(generation)
ok "generations go on" policy_publish 2
changed() { [ "$(generation)" != "$before" ]; }
ok "to all of the others" wait_for 10 changed
"$crowd" race 1 won2 "$(url 1)" <key >race
is "$(grep '^[0-9]' race)" "200 1" "machines join"
server_start 0

# --- a connection is lost -----------------------------------------------------------------
writer=$(sequencer)
must sql "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
moved() { [ -n "$(sequencer)" ] && [ "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")" = 1 ]; }
ok "the writer's connection is cut: somebody has the office" wait_for 10 moved
for i in 0 1 2; do
	ok "process $i can write" wait_for 10 eval "[ \$(at=$i local_api /v1/nodes) = 200 ] && at=$i key_create >more"
done
ok "all of it is in the log" wait_for 10 is_written
diag "process $writer wrote it before, and now $(sequencer)"

# Two times: whoever listened must listen again.
for round in 1 2; do
	pg_restart
	for i in 0 1 2; do
		ok "PostgreSQL crashes ($round): process $i is well again" wait_for 20 eval "at=$i is_well"
	done
	ok "and all are listening" wait_for 10 eval \
		"[ \$(sql \"SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN merlon'\") = 3 ]"
done
"$crowd" race 3 won3 "$(url 0)" "$(url 1)" "$(url 2)" <key >race
is "$(grep '^[0-9]' race)" "200 3" "machines join at each"
ok "all is written" wait_for 10 is_written
for i in 0 1 2; do
	ok "process $i ends well" server_kill $i TERM
done
ok "the audit log verifies" audit_is_well
is "$(events | grep -cx node.enrol)" 7 "and tells of each machine once"
done_testing
