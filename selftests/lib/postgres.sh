# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A PostgreSQL of a test's own. Source it behind tap.sh:
#
#	pg_start && psql "$pg_server dbname=postgres"
#
# It lives in $pg_dir, listens at a unix socket there and nowhere else, is run by
# an unprivileged user, and ends with the test. Every commit is synced.

pg_dir='' pg_server=''
PG_BIN=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
export PG_BIN

# Root may not run it: whoever owns nothing does.
pg_as() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
	else
		"$@"
	fi
}

pg_stop() {
	[ -z "$pg_dir" ] || pg_as "$PG_BIN/pg_ctl" -D "$pg_dir/data" -m immediate -w stop
	rm -rf "$pg_dir"
}

pg_start() {
	pg_dir=$(mktemp -d "${TMPDIR:-/tmp}/pg.XXXXXX")
	at_exit pg_stop
	[ "$(id -u)" != 0 ] || chown postgres: "$pg_dir"
	(
		cd "$pg_dir" || exit
		pg_as "$PG_BIN/initdb" -D "$pg_dir/data" -A trust -U merlon -E UTF8 \
			--locale=C.UTF-8 --no-instructions || exit
		cat >>"$pg_dir/data/postgresql.conf" <<-END
			listen_addresses = ''
			unix_socket_directories = '$pg_dir'
			unix_socket_permissions = 0700
			shared_buffers = 32MB
			wal_level = replica
		END
		pg_as "$PG_BIN/pg_ctl" -D "$pg_dir/data" -l "$pg_dir/log" -w start
	) >"$pg_dir.log" 2>&1 || { cat "$pg_dir.log" >&2; return 1; }
	rm -f "$pg_dir.log"
	# shellcheck disable=SC2034
	pg_server="host=$pg_dir user=merlon"
}
