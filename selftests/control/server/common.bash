# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A merlon-control and a merlon-signer as they are installed, each with a user of its own,
# in a directory in memory. Sourced behind tap.sh, from the tree's root. $at is where the
# server is that the functions speak of: $dir, or another one that place() made.

# init gives the signer no environment, so none for its sanitizers.
beginner=$PWD/build/user/merlon-signer
# shellcheck source=../place.bash
. selftests/control/place.bash
needs "$joiner"
at=$dir
passphrase=canary-passphrase-$RANDOM$RANDOM
server='' signer=''

# Its status is the server's.
stop_server() {
	[ -z "$server" ] || kill "-${1:-TERM}" "$server" 2>/dev/null
	[ -z "$server" ] || wait "$server" 2>/dev/null
	set -- $?
	server=''
	return "$1"
}
stop_signer() {
	[ -z "$signer" ] || kill -9 "$signer" 2>/dev/null
	[ -z "$signer" ] || wait "$signer" 2>/dev/null
	signer=''
}
at_exit stop_server KILL
at_exit stop_signer

start_signer() {
	"$build/merlon-signer" --state-dir "$at/ledger" --key "$dir/keys/signing.key" \
		--socket "$at/signer.sock" --user nobody --server-user daemon 2>>"$dir/signer.log" &
	signer=$!
	wait_for 10 test -S "$at/signer.sock" || bail "no signer: $(cat "$dir/signer.log")"
}
start_server() {
	: >"$dir/started"
	"$build/merlon-control" serve --config "$at/control.json" --user daemon >"$dir/started" 2>&1 &
	server=$!
	wait_for 20 grep -q 'ready:' "$dir/started" || bail "no server: $(cat "$dir/started")"
}

# init NETWORK [OPTION...]: at $at
init() {
	"$build/merlon-control" init --network "$1" --url "https://127.0.0.1:$port" \
		--listen "127.0.0.1:$port" --directory "$at/state" --config "$at/control.json" \
		--keys "$at/keys" --user daemon --admin-socket "$at/admin.sock" \
		--signer-socket "$at/signer.sock" --signer-directory "$at/ledger" \
		--signer-user nobody --signer-program "$beginner" --passphrase-fd 3 \
		"${@:2}" 3<<<"$passphrase"
}
control() { local command=$1; shift; "$build/merlon-control" "$command" --config "$at/control.json" "$@"; }
key_create() {
	"$build/merlon-control" key create --config "$at/control.json" --passphrase-fd 3 \
		--membership-key "$dir/keys/membership.key" "$@" 3<<<"$passphrase" 2>"$dir/key.err"
}
publish() {
	"$build/merlon-control" policy publish --config "$at/control.json" --passphrase-fd 3 \
		--policy-key "$dir/keys/policy.key" "$1" 3<<<"$passphrase"
}
local_api() {
	curl -sS --http2-prior-knowledge --unix-socket "$at/admin.sock" -o "$dir/body" -w '%{http_code}' \
		"${@:2}" "http://localhost$1"
}
# Of the answer in a file that joiner wrote.
status_of() { head -n 1 "$1"; }
# join KEYFILE NAME [ADDRESS]: prints the status of the answer
join() { mkdir -p "$2"; "$joiner" join "${3:-127.0.0.9}" "$2" "$dir/$2" <"$1" >"$2/answer" 2>&1; status_of "$2/answer"; }
nodes_are() { [ "$(control status --json | jq -r .generation.nodes)" = "$1" ]; }
audit_verify() { "$merlon" audit verify --key "$at/state/audit.pub" "$at/state/audit" "$@"; }
# A network with a policy, and a server and a signer that run.
network_start() {
	init net >init.out 2>&1 || bail "init: $(cat init.out)"
	start_signer
	start_server
	cat >policy <<-'END'
		{
			"network": {"ipv4": "100.64.0.0/12"},
			"tagOwners": {"tag:web": []},
			"nodes": {"gate": {"addresses": ["100.64.0.1"]}},
			"grants": [{"src": ["gate"], "dst": ["tag:web"], "ip": ["tcp:443"]}],
		}
	END
	publish policy >/dev/null || bail "no policy"
	wait_for 10 nodes_are 1 || bail "no generation"
}
