# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the tests of people share: a server whose clock the test moves, and curl.
#
#	curl, merlon ---- TLS 1.3, h2 ---- peopled (127.0.0.1, any port)
#	             ---- h2 ------------- DIR/admin.sock, as root

# Root of a namespace will do: the local socket asks for uid 0.
[ "$(id -u)" = 0 ] || exec unshare -r "$0" "$@"

# shellcheck source=../../lib/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/tap.sh"

build=${PEOPLE_PROGRAMS:-$(dirname "${BASH_SOURCE[0]}")/../../../build/user}
peopled=$build/control/peopled
merlon=$build/merlon
dir=$tap_dir/server
password='a horse and a staple'
from='' status='' body='' token=''
declare -A secret

server_start() {
	mkdir -p "$dir"
	: >"$dir/said"
	"$peopled" serve "$dir" >"$dir/said" 2>>"$dir/journal" &
	server=$!
	at_exit kill "$server"
	wait_for 20 grep -q '^port' "$dir/said" || bail "peopled does not start: $(cat "$dir/journal")"
	url=https://localhost:$(sed -n 's/^port //p' "$dir/said")
	pin=$(openssl x509 -in "$dir/server.pem" -noout -pubkey |
		openssl pkey -pubin -outform der | sha256sum | cut -c-64)
}

# Its sanitizers, where it has them, have nothing to say, and all was freed.
server_end() {
	kill "$server"
	wait "$server"
}

# api METHOD PATH [TOKEN [BODY]]: $status, $body. $from: another address of 127/8
api() {
	local where args=(-sS --max-time 30 -o "$tap_dir/answer" -w '%{http_code}' -X "$1")

	: >"$tap_dir/answer"
	[ -z "${3:-}" ] || args+=(-H "authorization: Bearer $3")
	[ $# -lt 4 ] || args+=(-H 'content-type: application/json' --data-binary "$4")
	[ -z "$from" ] || args+=(--interface "$from")
	if [ -n "${by_socket:-}" ]; then
		args+=(--unix-socket "$dir/admin.sock" --http2-prior-knowledge)
		where=http://localhost
	else
		args+=(--http2 --cacert "$dir/ca.pem")
		where=$url
	fi
	status=$(curl "${args[@]}" "$where$2" 2>>"$tap_dir/curl")
	body=$(tr -d '\0' <"$tap_dir/answer")
}

# The same by the local socket, as root.
root() { by_socket=yes api "$@"; }

field() { jq -r "$1" <<<"$body"; }
tick() { "$peopled" tick "$dir" "$1"; }
code() { "$peopled" code "$dir" "${secret[$1]}" "${2:-0}"; }
secret_of() { sed -n 's/.*secret=\([A-Z2-7]*\).*/\1/p'; }

# admin NAME ROLE: made by root
admin() {
	root POST /v1/admins '' "$(jq -nc --arg n "$1" --arg r "$2" --arg p "$password" \
		'{name:$n,role:$r,password:$p}')"
	[ "$status" = 200 ] || bail "no administrator $1: $status $body"
	secret[$1]=$(field .totp | secret_of)
	recovery=$(field '.recovery|join(" ")')
}

# A text as JSON; jq where that takes more than quotes.
quoted() {
	case $1 in
	*[!A-Za-z0-9\ ._-]*) jq -nc --arg t "$1" '$t' ;;
	*) printf '"%s"' "$1" ;;
	esac
}

# try NAME PASSWORD CODE [KEY]: a login
try() {
	api POST /v1/session "${token_sent:-}" \
		"{\"name\":$(quoted "$1"),\"password\":$(quoted "$2"),\"${4:-totp}\":$(quoted "$3")}"
}

# login NAME: half a minute later, so that the code is a new one; $token
login() {
	tick 30
	try "$1" "$password" "$(code "$1")"
	[ "$status" = 200 ] || bail "$1 cannot log in: $status $body"
	token=$(field .token)
}

# mark, then audited JQ-CONDITION: an entry since then says so
mark() {
	root GET '/v1/audit/entries?count=1'
	[[ $body =~ \"size\":([0-9]+) ]] || bail "the audit log does not say how long it is: $body"
	marked=${BASH_REMATCH[1]}
}
entries() {
	root GET "/v1/audit/entries?from=$marked"
	jq '.entries[].entry' "$tap_dir/answer" >"$tap_dir/entries"
}
# In a shell of their own: $status is somebody else's.
audited_times() {
	(
		root GET "/v1/audit/entries?from=$marked"
		jq "[.entries[].entry | select($1)] | length" "$tap_dir/answer"
	)
}
audited() { [ "$(audited_times "$1")" -gt 0 ]; }
refused='403 {"error":"refused","sentence":"this was refused; the server'"'"'s audit log says why"}'
