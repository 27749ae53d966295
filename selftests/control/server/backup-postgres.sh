#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# A network that moves: backups of merlon-control on SQLite and on PostgreSQL (Debian's, of
# this test's own), restored into PostgreSQL, and from there into SQLite again. Beside a signer
# that goes on. What damaged backups come to is proven in backup.sh.
#
#	joiner (127.0.0.x) --- TLS --- merlon-control --- unix socket --- merlon-signer
#	                                 |       |                            ledger
#	                              SQLite  PostgreSQL --- psql: the judge of what is in it
#
# BUILD=asan: the same with sanitizers.

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
tree=$PWD
# shellcheck source=../../lib/postgres.sh
. selftests/lib/postgres.sh
# shellcheck source=common.bash
. selftests/control/server/common.bash
# shellcheck source=copies.bash
. "$tree/selftests/control/server/copies.bash"

TMPDIR=/dev/shm pg_start || bail "no PostgreSQL"
# Who runs the server may reach it.
chmod 711 "$pg_dir" && chmod 777 "$pg_dir"/.s.PGSQL.*[0-9]
sql() { psql -XAtq "$pg_server dbname=postgres" -c "SET search_path TO merlon" -c "$1" 2>&1; }
store_is() { jq --arg store "$1" '.store = $store' control.json >changed && cat changed >control.json; }
in_postgres() { store_is "postgres:$pg_server dbname=postgres"; }
# What the database says of nodes, and the signer's generation to who is in it.
rows() { sql "SELECT name || ' ' || state FROM nodes WHERE name LIKE 'n%' ORDER BY name" | tr '\n' ' '; }
rows_are() { [ "$(rows)" = "$1" ]; }
# goes_on WHERE: who joined is in, whom it turned out is not, and a used key has no use again
goes_on() {
	start_server
	ok "$1: all is well" wait_for 20 control health
	is "$(fetched n1)" n1 "$1: a node of before fetches"
	is "$(fetched n3)" n3 "$1: and the one that joined since"
	is "$("$joiner" fetch - "$dir/n2" >/dev/null 2>&1; echo $?)" 2 "$1: the revoked one does not"
	is "$("$joiner" renew - n2 "$dir/n2" | head -n 1)" 403 "$1: nor gets a certificate"
	is "$(uses_left "$(grant_of n3)")" 0 "$1: the used key has no use again"
	is "$(join once "again-$RANDOM")" 403 "$1: and lets nobody in"
	ok "$1: the audit log verifies" audit_verify
	ok "$1: and extends the one that was" audit_verify --checkpoint "$dir/checkpoint"
	cp state/audit/checkpoint "$dir/checkpoint"
}

network_start
key_create --tag tag:web --uses 10 >many
key_create --tag tag:web >once
# A revocation ends the key by which a node came.
key_create --tag tag:web --uses 10 >others
for node in n1 n2; do is "$(join many $node)" 200 "$node joins, on SQLite"; done
ok "a backup of SQLite" backup sqlite.backup
is "$(join once n3)" 200 "behind it n3 joins"
is "$(local_api /v1/revoke -d '{"node":"n2"}')" 200 "and n2 is revoked"
written() { [ "$(control status --json | jq '.audit.entries == .audit.written')" = true ]; }
ok "all entries are written" wait_for 20 written
cp state/audit/checkpoint checkpoint
stop_server

# --- from SQLite --------------------------------------------------------------------------
in_postgres
like "$(rows)" "does not exist" "the database is empty"
ok "the backup of SQLite, into PostgreSQL" restore sqlite.backup --force
is "$(rows)" "n1 active n2 active " "it has whom the backup had"
is "$(sql "SELECT count(*) > 10 AND count(*) = max(position) + 1 FROM audit_leaves")" t "and every entry of the audit log"
goes_on "from SQLite"
ok "the database has what the signer said" rows_are "n1 active n2 revoked n3 active "
not_ok "and there is no other store" ls state/store.db

# --- from PostgreSQL -----------------------------------------------------------------------
ok "a backup of PostgreSQL" backup postgres.backup
is "$(join others n4)" 200 "behind it n4 joins"
is "$(local_api /v1/revoke -d '{"node":"n1"}')" 200 "and n1 is revoked"
ok "all entries are written" wait_for 20 written
cp state/audit/checkpoint checkpoint
stop_server
exits 2 "a database that has a store is not written over" restore postgres.backup --force
like "$(cat "$tap_dir/output")" "DROP SCHEMA merlon CASCADE" "and it says what to do"
ok "it has what it had" rows_are "n1 revoked n2 revoked n3 active n4 active "
sql "DROP SCHEMA merlon CASCADE" >/dev/null
ok "the backup of PostgreSQL, into PostgreSQL" restore postgres.backup --force
is "$(rows)" "n1 active n2 revoked n3 active " "it has whom the backup had"
start_server
ok "the signer's word is taken" wait_for 20 rows_are "n1 revoked n2 revoked n3 active n4 active "
is "$(fetched n4)" n4 "who joined since fetches"
is "$("$joiner" fetch - "$dir/n1" >/dev/null 2>&1; echo $?)" 2 "who was revoked since does not"
ok "the audit log verifies" audit_verify
ok "and extends the one that was" audit_verify --checkpoint checkpoint
is "$(join others n5)" 200 "and others join"
stop_server

# --- and back to SQLite ----------------------------------------------------------------------
# Of the same file: what was restored twice is the same network still.
store_is sqlite
ok "the backup of PostgreSQL, into SQLite" restore postgres.backup --force
is "$(sqlite3 state/store.db "SELECT name || ' ' || state FROM nodes WHERE name LIKE 'n%' ORDER BY name" | tr '\n' ' ')" \
	"n1 active n2 revoked n3 active " "it has whom the backup had"
start_server
ok "all is well" wait_for 20 control health
is "$(fetched n5)" n5 "n5 is in, by the signer's ledger"
ok "the audit log verifies" audit_verify
done_testing
