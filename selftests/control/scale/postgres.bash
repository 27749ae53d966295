# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A network on a PostgreSQL of its own, and three processes of merlon-control that share
# its state directory. Sourced behind real.bash.

# shellcheck source=../../lib/postgres.sh
TMPDIR=/dev/shm . "$tree/selftests/lib/postgres.sh"

# Who runs the server may reach it: the socket is a new one at each start.
pg_open() { chmod 711 "$pg_dir" && chmod 777 "$pg_dir"/.s.PGSQL.*[0-9]; }
sql() { psql -XAtq "$pg_server dbname=postgres" -c "$1"; }
pg_restart() {
	must pg_as "$PG_BIN/pg_ctl" -D "$pg_dir/data" -l "$pg_dir/log" -m immediate -w restart
	pg_open
}
three_start() {
	local i

	for i in 0 1 2; do
		server_start "$i"
	done
}
# Which process puts entries into tiles: the one that holds the log's lock.
sequencer() {
	local i

	for i in 0 1 2; do
		! grep -qs 'FLOCK.*WRITE' "/proc/${server[i]:-0}/fdinfo/"* || echo "$i"
	done
}
is_written() { [ "$(status_of '.audit | .entries == .written')" = true ]; }

TMPDIR=/dev/shm pg_start || bail "no PostgreSQL"
pg_open
control_setup "postgres:$pg_server dbname=postgres"
three_start
