#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# SQL, lines of a log, escapes of a terminal and paths, in the place of every text that
# docs/openapi.json knows (inject.jq), by an owner who has just logged in, whom nothing
# stops before the handlers. And an address that somebody says he has.
#
#	owner (127.5.1.x), stranger (127.5.0.1) ---- TLS ---- merlon-control

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
tree=$PWD
# shellcheck source=../real.bash
. selftests/control/real.bash
peopled=$build/control/peopled
[ -x "$peopled" ] || bail "$peopled is not built: make people-programs"
control_setup
server_start 0
policy_publish 1
key_create >key
mkdir n1
is "$("$joiner" join - n1 n1 <key | head -n 1)" 200 "a machine joins"
password='a horse and a staple'
local_api /v1/admins -d "{\"name\":\"anna\",\"role\":\"owner\",\"password\":\"$password\"}" >/dev/null
mkdir clock
code=$("$peopled" code clock "$(jq -r .totp body | sed -n 's/.*secret=\([A-Z2-7]*\).*/\1/p')")
is "$(api /v1/session -d "{\"name\":\"anna\",\"password\":\"$password\",\"totp\":\"$code\"}")" 200 "an owner logs in"
token=$(jq -r .token body)

# --- what a user agent says is in every entry -------------------------------------------------
for agent in "'; DROP TABLE audit_leaves; --" $'\xc2\x9b31m' $'\xe2\x80\xaegnp' "%n%n%n"; do
	api /v1/session -X POST -A "$agent" --interface 127.5.0.2 -d '{"name":"nobody","password":"nothing at all","totp":"1"}' >/dev/null
done

# --- an address that is said ------------------------------------------------------------
for i in {1..40}; do
	api /v1/revoke -X POST --interface 127.5.0.1 -H "x-forwarded-for: 192.0.2.$i" -H "forwarded: for=192.0.2.$i" \
		-H "x-real-ip: 192.0.2.$i" -d '{"node":"n1"}'
	echo
done >said
is "$(sort said | uniq | xargs)" "403 429" "who says that he is always somebody else is stopped all the same"
is "$(api /v1/revoke -X POST --interface 127.5.0.3 -H 'x-forwarded-for: 127.5.0.1' -d '{"node":"n1"}')" 403 \
	"and whoever says that he is him is not"

# --- every text ---------------------------------------------------------------------------
tables() { sqlite3 -readonly state/store.db 'SELECT name, sql FROM sqlite_master ORDER BY name'; }
kept() { sqlite3 -readonly state/store.db "SELECT name, hex(identity), tags, owner, state FROM nodes;
	SELECT name, role, password, hex(totp) FROM admins WHERE name <> 'x'; SELECT version FROM roots; SELECT id, uses FROM grants"; }
tables >tables
kept >kept
jq -r --arg base "https://127.0.0.1:${port[0]}" --arg token "$token" -f "$tree/selftests/control/hostile/inject.jq" \
	"$tree/docs/openapi.json" | sed 1d >requests
curl --config requests >answers 2>curl.errors
is "$(wc -l <answers)" "$(grep -c '^url' requests)" "$(wc -l <answers) requests, each with an answer"
ok "(many)" test "$(wc -l <answers)" -gt 400
diag "$(cut -d' ' -f1 answers | sort | uniq -c | xargs)"
is "$(grep -vE '^(200|202|204|400|403|404|409|431) ' answers | head -n 5)" "" "none of which is the server's failure"
is "$(tables)" "$(cat tables)" "the tables are what they were"
is "$(kept)" "$(cat kept)" "and so are nodes, administrators, roots and grants"
is "$(sqlite3 -readonly state/store.db 'PRAGMA integrity_check')" ok "the database is whole"
is "$(find . -name owned)" "" "nothing was made"

# --- what was written ----------------------------------------------------------------------
ok "the server ends well" server_kill 0 TERM
events '.source_ip, .details.prefix?' >sources
not_ok "nobody is in the log by an address that was said" grep -q '^192\.0\.2\.' sources
ok "(he is by his own)" grep -qx 127.5.0.1 sources
ok "the audit log verifies" audit_is_well
not_ok "no entry was forged" grep -qx forged <(events)
"$merlon" audit show --key state/audit.pub state/audit >shown 2>&1
ok "(what was tried is in it)" grep -q 'DROP TABLE' <(events .user_agent)
strange() { LC_ALL=C grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$@"; }
ok "control: what a terminal would obey is found" strange <(printf 'a\033[31mb')
not_ok "no such thing is shown" strange shown
not_ok "nor in the journal" strange server-0.log
not_ok "where no line was begun by a stranger" grep -vE '^merlon-control: [a-z]+: ' server-0.log
not_ok "nor forged" grep -q '^merlon-control: forged' server-0.log
done_testing
