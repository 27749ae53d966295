# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A network of the real merlon-control and merlon-signer, and nodes that join it, on
# loopback. Sourced behind tap.sh, from the tree's root.
#
# CONTROL: where merlon-control and merlon-signer are, if not in build/user.

# shellcheck source=common.bash
. selftests/node/common.bash
control=${CONTROL:-$PWD/$build}
[ -x "$control/merlon-control" ] || bail "merlon-control is not built: make node-programs"
passphrase=a-passphrase-of-tests
chmod 1777 "$dir"

signer_pid='' control_pid=''
control_stop() {
	[ -z "$control_pid" ] || kill -9 "$control_pid" 2>/dev/null
	[ -z "$control_pid" ] || wait "$control_pid" 2>/dev/null
	control_pid=''
}
control_start() {
	: >"$dir/started"
	"$control/merlon-control" serve --config "$dir/control.json" --user daemon \
		>"$dir/started" 2>&1 &
	control_pid=$!
	wait_for 20 grep -q 'ready:' "$dir/started" || bail "no server: $(cat "$dir/started")"
}
at_exit control_stop
signer_stop() { [ -z "$signer_pid" ] || kill -9 "$signer_pid" 2>/dev/null; }
at_exit signer_stop

port=$((21000 + RANDOM % 9000))
# The keys are sealed by $passphrase, or not at all where it is empty.
control_init() {
	local seal=(--passphrase-fd 3)

	[ -n "$passphrase" ] || seal=(--no-passphrase)
	must "$control/merlon-control" init --network net --url "https://127.0.0.1:$port" \
		--listen "127.0.0.1:$port" --directory "$dir/cstate" --config "$dir/control.json" \
		--keys "$dir/keys" --user daemon --admin-socket "$dir/admin.sock" \
		--signer-socket "$dir/signer.sock" --signer-directory "$dir/ledger" --signer-user nobody \
		--signer-program "$control/merlon-signer" "${seal[@]}" 3<<<"$passphrase"
	"$control/merlon-signer" --state-dir "$dir/ledger" --key "$dir/keys/signing.key" \
		--socket "$dir/signer.sock" --user nobody --server-user daemon 2>"$dir/signer.log" &
	signer_pid=$!
	wait_for 10 test -S "$dir/signer.sock" || bail "no signer: $(cat "$dir/signer.log")"
	control_start
}

publish() {
	"$control/merlon-control" policy publish --config "$dir/control.json" --passphrase-fd 3 \
		--policy-key "$dir/keys/policy.key" "$1" 3<<<"$passphrase"
}
policy() { # PORT: what tag:web lets in
	cat >"$dir/policy" <<-END
	{
		"network": {"ipv4": "100.64.0.0/12"},
		"tagOwners": {"tag:web": []},
		"grants": [{"src": ["tag:web"], "dst": ["tag:web"], "ip": ["tcp:$1"]}],
	}
	END
	must publish "$dir/policy"
}

nodes=()
node_join() { # NAME
	"$control/merlon-control" key create --config "$dir/control.json" --passphrase-fd 3 \
		--membership-key "$dir/keys/membership.key" --tag tag:web 3<<<"$passphrase" \
		>"$dir/$1.key" 2>"$dir/key.err" || bail "no key: $(cat "$dir/key.err")"
	ok "$1 is enrolled" "$merlon" enrol --name "$1" --state-dir "$dir/$1" \
		--inbox "$dir/$1-inbox" --user nobody --no-start --key-file - <"$dir/$1.key"
}
node_start() { # NAME
	"$merlond" --no-tunnel --state-dir "$dir/$1" --inbox "$dir/$1-inbox" \
		--socket "$dir/$1.sock" --user nobody -v 2>"$dir/$1.log" &
	nodes+=($!)
}
nodes_end() { kill "${nodes[@]}" 2>/dev/null; wait "${nodes[@]}" 2>/dev/null; nodes=(); }
at_exit nodes_end
generation() { tail -n 1 "$dir/$1/kernel-log" 2>/dev/null | cut -d' ' -f2; }
