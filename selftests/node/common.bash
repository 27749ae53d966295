# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For the tests of a node and its server, on loopback: directories in memory, a server
# that says what $srv holds, documents. Sourced behind tap.sh, from the tree's root.

build=${NODE_BUILD:-build/user}
# What makes documents ends without tidying up; the sanitizers are for the others.
tool=$PWD/build/user/node/tool mkbundle=$PWD/build/user/tools/mkbundle
merlon=$PWD/$build/merlon server=$PWD/$build/node/server
merlond=$PWD/$build/node/merlond client=$PWD/$build/node/client
killed=$PWD/$build/node/killed
[ "$(id -u)" = 0 ] || bail "a node is root's business: run this as root"
for program in "$merlon" "$tool" "$server" "$merlond" "$client" "$killed" "$mkbundle"; do
	[ -x "$program" ] || bail "$program is not built: make node-programs"
done

# In memory: a disk would only add its latency to what is synced.
dir=$(mktemp -d /dev/shm/node.XXXXXX) || bail "no directory in memory"
at_exit rm -rf "$dir"
chmod 711 "$dir"
srv=$dir/srv state=$dir/state inbox=$dir/inbox key=$dir/key
mkdir "$srv" "$srv/roots" "$srv/joined"
server_pid='' port=''

server_stop() {
	[ -z "$server_pid" ] || kill -9 "$server_pid" 2>/dev/null
	[ -z "$server_pid" ] || wait "$server_pid" 2>/dev/null
	server_pid=''
}
at_exit server_stop

# On the port that it had before, if it had one.
server_start() {
	rm -f "$srv/port"
	"$server" "$srv" ${port:+"$port"} 2>"$dir/server.err" &
	server_pid=$!
	wait_for 10 test -s "$srv/port" || bail "no server: $(cat "$dir/server.err")"
	port=$(cat "$srv/port")
}

# The first root of a network, a grant for one node, and the key string for it.
network() {
	must_out "$srv/roots/1" "$tool" root 1 4 31 1 86400 1 2
	must_out "$srv/grant" "$tool" grant 1 3600
}
must_out() { "${@:2}" >"$1" || bail "$*"; }
# By the name $1, or by address.
key_for() { "$tool" key "https://${1:-127.0.0.1}:$port" "$srv/roots/1" "$srv/server.pem"; }

# enrol [OPTION...]: with the key of $key
enrol() {
	"$merlon" enrol --name n1 --state-dir "$state" --inbox "$inbox" --user nobody \
		--no-start "$@" <"$key"
}
forget_node() { rm -rf "$state" "$inbox" "$srv/joined"; mkdir "$srv/joined"; }
joins() { find "$srv/joined" -type f | wc -l; }

# refused STATUS PATTERN DESCRIPTION COMMAND...: it ends so, and says why
refused() {
	local status=0

	"${@:4}" >"$tap_dir/output" 2>&1 || status=$?
	if [ "$status" = "$1" ] && grep -qE -- "$2" "$tap_dir/output"; then
		pass "$3"
	else
		fail "$3" || true
		diag "wanted status $1 and: $2"
		tap_explain "$status" "${@:4}"
	fi
}
