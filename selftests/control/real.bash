# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# merlon-control, in one process or several, and its merlon-signer, as they are installed:
# users of their own, behind their system call filters. Whoever asks is on loopback. The
# keys of all roles are trustee's. Sourced behind tap.sh, from the tree's root:
#
#	control_setup ["postgres:CONNECTION"]	a network in $dir, and its signer, which runs
#	server_start N		process N, from 0: at port ${port[N]}, with $dir/admin-N.sock
#	server_kill N [SIGNAL]	-9, or that one; and waits for its end
#	$url_host		what the network's URL names, where it is not 127.0.0.1

trustee=$PWD/build/user/tools/trustee crowd=$PWD/build/${BUILD:-user}/server/crowd
# shellcheck source=place.bash
. selftests/control/place.bash
needs "$joiner" "$crowd" "$trustee"
port+=($((port[0] + 1)) $((port[0] + 2)))
server=('' '' '') signer=''

server_kill() {
	local pid=${server[$1]} status=0

	[ -n "$pid" ] || return 0
	server[$1]=''
	kill "-${2:-KILL}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null || status=$?
	return "$status"
}
servers_kill() { server_kill 0; server_kill 1; server_kill 2; }
at_exit servers_kill

# What it says is kept: "server-N.log" is what all processes N said, one after the other.
server_begin() {
	[ -z "${server[$1]}" ] || bail "process $1 runs"
	: >"$dir/started-$1"
	"$build/merlon-control" serve --config "$dir/control-$1.json" --user daemon \
		> >(tee -a "$dir/server-$1.log" >"$dir/started-$1") 2>&1 &
	server[$1]=$!
}
server_start() {
	server_begin "$1"
	wait_for 30 grep -q 'ready:' "$dir/started-$1" || bail "no server: $(cat "$dir/started-$1")"
}

signer_stop() {
	[ -z "$signer" ] || kill -9 "$signer" 2>/dev/null
	[ -z "$signer" ] || wait "$signer" 2>/dev/null
	signer=''
}
at_exit signer_stop
signer_start() {
	"$build/merlon-signer" --state-dir "$dir/ledger" --key "$dir/s1.key" --socket "$dir/signer.sock" \
		--user nobody --server-user daemon "$@" 2>>"$dir/signer.log" &
	signer=$!
	wait_for 20 test -S "$dir/signer.sock" || bail "no signer: $(cat "$dir/signer.log")"
}

# What node "gate" may say to tag:web, and nobody else to anybody: each leaf is small. Each
# version is another policy.
policy_document() { # VERSION
	"$trustee" policy net 0 "$1" p1 <<-END
		{
			"network": {"ipv4": "100.64.0.0/12"},
			"tagOwners": {"tag:web": []},
			"nodes": {"gate": {"addresses": ["100.64.0.1"]}},
			"grants": [{"src": ["gate"], "dst": ["tag:web"], "ip": ["tcp:$1"]}],
		}
	END
}

control_setup() {
	local i

	for i in s1 m1; do
		must "$trustee" keyfile "$i" "$dir/$i.key"
	done
	"$trustee" root net 1 0 r1 >root1 || bail "no root"
	must "$build/merlon-control" init --network net --url "https://${url_host:-127.0.0.1}:${port[0]}" \
		--listen "127.0.0.1:${port[0]}" --directory "$dir/state" --config "$dir/control-0.json" \
		--user daemon --admin-socket "$dir/admin-0.sock" --signer-socket "$dir/signer.sock" \
		--root root1 --store "${1:-sqlite}"
	for i in 1 2; do
		jq --arg at "127.0.0.1:${port[i]}" --arg admin "$dir/admin-$i.sock" \
			'.listen = [$at] | .adminSocket = $admin' control-0.json >"control-$i.json"
	done
	install -d -m 700 -o nobody ledger
	signer_start --network net --root-digest "$("$trustee" digest root1)"
}

# --- what is asked of it ------------------------------------------------------
# local_api PATH [CURL OPTION...]: by root at the local socket of process $at, or 0; the
# answer's body is in $dir/body
local_api() {
	curl -sS --max-time 60 --http2-prior-knowledge --unix-socket "$dir/admin-${at:-0}.sock" -o "$dir/body" \
		-w '%{http_code}' "${@:2}" "http://localhost$1"
}
# The same by TLS, as a stranger or with whatever the options say.
api() {
	curl -sS --max-time 60 -k -o "$dir/body" -w '%{http_code}' "${@:2}" "https://127.0.0.1:${port[${at:-0}]}$1"
}
status_of() { local_api /v1/status >/dev/null && jq -r "$1" "$dir/body"; }
health() { local_api /v1/health >/dev/null && jq -r .status "$dir/body"; }
is_well() { [ "$(health)" = ok ]; }
key_create() {
	"$build/merlon-control" key create --config "$dir/control-${at:-0}.json" \
		--membership-key "$dir/m1.key" --tag tag:web "$@" 2>key.err || bail "no key: $(cat key.err)" >&2
}
policy_publish() { # VERSION
	policy_document "$1" | jq '{policy: .}' >policy.json
	[ "$(local_api /v1/policy -d @policy.json)" = 202 ]
}
# Every entry's event_type, and what else is asked for.
events() {
	"$merlon" audit show --json --key "$dir/state/audit.pub" "$dir/state/audit" 2>/dev/null |
		jq -r ".. | objects | select(.event_type?) | ${1:-.event_type}"
}
# Four tests: sslscan finds at PORT what is allowed, and nothing else.
scan_is_good() { # PORT
	ok "sslscan has looked" sslscan --no-colour --xml=scan.xml "127.0.0.1:$1"
	is "$(grep -oE '<protocol type="[a-z]*" version="[0-9.]*" enabled="1"' scan.xml | xargs)" \
		"<protocol type=tls version=1.3 enabled=1" "and finds TLS 1.3, and nothing else"
	is "$(grep -oE 'cipher="[^"]*"' scan.xml | sort | xargs)" \
		"cipher=TLS_AES_256_GCM_SHA384 cipher=TLS_CHACHA20_POLY1305_SHA256" "two suites"
	not_ok "and no weakness that it knows" \
		grep -E 'vulnerable="1"|compression supported="1"|renegotiation supported="1" secure="0"' scan.xml
}
audit_is_well() { "$merlon" audit verify --key "$dir/state/audit.pub" "$dir/state/audit"; }
