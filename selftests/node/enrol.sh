#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# merlon enrol, and userspace/client under it, against a server on loopback that is
# honest or not:
#
#	merlon enrol ─── HTTP/2, TLS 1.3, 127.0.0.1 ─── node-server
#	  │                                               │
#	state directory, inbox/courier                  joined/: one file for each node

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/node/common.bash

network
server_start
key_for >"$key"
pin=$(openssl x509 -in "$srv/server.pem" -pubkey -noout | openssl pkey -pubin -outform DER |
	sha256sum | cut -d' ' -f1)
url=https://127.0.0.1:$port

# --- the client, blocking and in an event loop -------------------------------
ask() { "$client" "$url" "$pin" "$@"; }
is "$(ask GET /v1/health)" '200 {"status":"ok"}' "an answer"
is "$(env SSLKEYLOGFILE="$dir/keys" https_proxy=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 \
	ALL_PROXY=http://127.0.0.1:9 "$client" "$url" "$pin" GET /v1/health)" \
	'200 {"status":"ok"}' "whatever the environment says"
not_ok "and no session's keys in a file" test -e "$dir/keys"
refused 1 '^ENOENT .* says: there is \?\[31mnothing$' \
	"an error has the server's sentence, made fit for a terminal" ask GET /nothing
refused 1 '^EACCES .*certificate is needed' "another word" ask GET '/v1/generation?wait=0'
refused 1 '^EMSGSIZE .* more than 10 bytes' "too long an answer" ask GET /v1/health 10
refused 1 '^EKEYREJECTED .* has another key' "a server with another key" \
	"$client" "$url" "${pin//[0-7]/8}" GET /v1/health
refused 1 '^ECONNREFUSED ' "nobody" "$client" https://127.0.0.1:1 "$pin" GET /v1/health
# An older TLS, and no HTTP/2: by openssl, with the right key.
older() {
	local pid status=0

	# The port is free: it was another process's a moment ago, and this is the only test.
	(cd "$srv" && exec openssl s_server -accept 127.0.0.1:"$2" -cert server.pem \
		-key server.key -quiet -www "${@:3}") >"$dir/openssl" 2>&1 &
	pid=$!
	wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$2" 2>/dev/null
	"$client" "https://127.0.0.1:$2" "$pin" GET / || status=$?
	kill "$pin_pid" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return "$status"
}
pin_pid=''
free=$((port > 40000 ? port - 3000 : port + 3000))
refused 1 '^EPROTO .*TLS 1.3' "TLS 1.2" older tls $free -tls1_2
refused 1 '^EPROTO .*HTTP/2' "HTTP/1" older http $((free + 1)) -tls1_3

# --- enrolment ----------------------------------------------------------------
refused 2 'there is no user' "nobody to be" "$merlon" enrol --name n1 --state-dir "$state" \
	--inbox "$inbox" --user no-such-user --no-start <"$key"
ok "a machine becomes a node" enrol
is "$(joins)" 1 "there is one"
is "$(stat -c '%n %U %a' "$state"/{identity.key,wireguard.key,root.json,enrolled.json} |
	sed "s|$state/||" | tr '\n' ';')" \
	"identity.key root 600;wireguard.key root 600;root.json root 600;enrolled.json root 600;" \
	"what is root's is root's"
is "$(stat -c '%n %U %a' "$inbox"/courier/{tls.key,certificate.pem} | sed "s|$inbox/||" |
	tr '\n' ';')" "courier/tls.key nobody 600;courier/certificate.pem nobody 600;" \
	"what is the courier's is the courier's"
is "$(stat -c '%U %a' "$state" "$inbox/courier" | tr '\n' ' ')" "root 700 nobody 700 " \
	"and so are the directories"
ok "the root is the pinned one" cmp "$state/root.json" "$srv/roots/1"
ok "the certificate is for the key" test \
	"$(openssl x509 -in "$inbox/courier/certificate.pem" -pubkey -noout)" = \
	"$(openssl pkey -in "$inbox/courier/tls.key" -pubout)"
is "$(jq -c '[.network, .node, .url, .addresses]' "$state/enrolled.json")" \
	"[\"example-net\",\"n1\",\"$url\",[]]" "it remembers its server"
not_ok "and no join" test -e "$state/joining.json"
refused 1 "node 'n1' of network 'example-net' already" "once is enough" enrol
forget_node
enrol --json >"$dir/json" </dev/null 2>&1 <"$key"
is "$(jq -c '[.node, .network, .state, .server]' "$dir/json")" \
	"[\"n1\",\"example-net\",\"active\",\"$url\"]" "in JSON"

# --- where the key comes from -------------------------------------------------
forget_node
# shellcheck disable=SC2120 # called without options, too
from_file() { "$merlon" enrol --name n1 --state-dir "$state" --inbox "$inbox" --user nobody \
	--no-start "$@" </dev/null; }
chmod 644 "$key"
refused 1 'others|mode' "a key file that others can read" from_file --key-file "$key"
chmod 600 "$key"
ok "a key file" from_file --key-file "$key"
forget_node
mkdir -p "$dir/credentials"
install -m 600 "$key" "$dir/credentials/merlon-key"
credential() { CREDENTIALS_DIRECTORY=$dir/credentials from_file; }
ok "a credential" credential
forget_node
if command -v script >/dev/null; then
	asked() { wait_for 20 test -s "$tap_dir/output" >&2; }
	prompted() { (asked; cat "$key") | script -qec "$merlon enrol --name n1 \
		--state-dir $state --inbox $inbox --user nobody --no-start" /dev/null; }
	ok "a prompt" prompted
	not_ok "which does not show it" grep -q merlon-key-1:K "$tap_dir/output"
else
	skip "no script(1)" "a prompt" 2
fi

# --- what is not believed ------------------------------------------------------
forget_node
good=$(cat "$key")
echo "${good/merlon-key-1:KS/merlon-key-1:KT}" >"$key"
refused 2 'key' "a key with a slip of the pen" enrol
"$tool" key "$url" "$srv/roots/1" "$srv/second.pem" >"$key"
refused 1 'has another key' "another server's key" enrol
"$tool" root 1 4 33 1 86400 1 2 >"$dir/foreign"
"$tool" key "$url" "$dir/foreign" "$srv/server.pem" >"$key"
refused 1 'no root document of the digest' "another network's root" enrol
echo "$good" >"$key"
"$tool" root 2 5 33 1 86400 1 >"$srv/roots/2"
refused 1 'root' "a second root below its threshold" enrol
"$tool" root 2 5 33 1 86400 1 99 >"$srv/roots/2"
refused 1 'root' "or signed by a stranger" enrol
"$tool" root 3 5 33 1 86400 1 2 >"$srv/roots/3"
rm "$srv/roots/2"
refused 2 'version' "a gap in the chain" enrol
rm "$srv/roots/3"
"$tool" root 2 5 33 1 -100 1 2 >"$srv/roots/2"
refused 2 'expired' "a chain that ends in an expired root" enrol
"$tool" root 2 5 33 2 86400 1 2 >"$srv/roots/2"
refused 2 'threshold of 1' "one that wants more signatures than a bundle has" enrol
is "$(joins) $(find "$state" -name '*.key' | wc -l)" "0 0" \
	"nothing was told to any of them, and nothing made"
"$tool" root 2 5 33 1 86400 1 2 >"$srv/roots/2"
ok "an honest second root" enrol
ok "is the one that is remembered" cmp "$state/root.json" "$srv/roots/2"
rm "$srv/roots/2"
rm -rf "$state" "$inbox"
refused 1 'used up' "a key that is used up" enrol
"$tool" grant 1 -1 >"$srv/grant"
rm -rf "$srv/joined"/* "$state" "$inbox"
refused 1 'expired' "a key that has expired" enrol
must_out "$srv/grant" "$tool" grant 1 3600
server_stop
refused 2 'does not answer' "a server that is away" enrol
forget_node

# --- a signer that is away for a moment ------------------------------------------
server_start
touch "$srv/busy"
ok "the join is sent again" enrol
like "$(cat "$tap_dir/output")" 'the signer is away; trying again' "and it is said why"
forget_node
server_stop

# --- the server dies as it answers ----------------------------------------------
touch "$srv/die-joined"
server_start
refused 2 'broke|answer' "the join is kept, its answer is lost" enrol
is "$(joins)" 1 "the server has it"
ok "the node has sent it" test -s "$state/joining.json"
ok "the server is dead" wait_for 5 sh -c "! kill -0 $server_pid 2>/dev/null || grep -q '^State:.Z' /proc/$server_pid/status"
server_stop
server_start
ok "once more" enrol
is "$(joins)" 1 "is the same join: there is one node"

# --- killed at every step ---------------------------------------------------------
# Whatever changes something, here or there, is a step; and some of the calls between.
forget_node
env KILLAT_LIST=1 "$killed" 0 "$merlon" enrol --name n1 --state-dir "$state" --inbox "$inbox" \
	--user nobody --no-start <"$key" >"$dir/out" 2>&1 3>"$dir/calls"
first=$(awk '$3 == "mkdir" { print $1; exit }' "$dir/calls")
awk -v first="${first:-1}" 'NF == 3 && $1 >= first && ($3 ~ /^(mkdir|fsync|fdatasync|rename|renameat2?|link|linkat|unlink|chown|lchown|fchmod|sendto|setresuid|seteuid|flock)$/ ||
	$3 == "write" && $1 % 3 == 0 || $1 % 41 == 0) { print $1 }' "$dir/calls" >"$dir/points"
points=$(wc -l <"$dir/points")
like "$points" '^([3-9][0-9]|[1-9][0-9][0-9])$' "there are that many steps: $points of $(wc -l <"$dir/calls") calls"
bad='' over=0
while read -r point; do
	forget_node
	"$killed" "$point" "$merlon" enrol --name n1 --state-dir "$state" --inbox "$inbox" \
		--user nobody --no-start <"$key" >"$dir/out" 2>&1 3>"$dir/struck"
	# How often is waited differs from run to run: one may be over before its last points.
	case $? in
	99) ;;
	0) over=$((over + 1)) ;;
	*) bad+=" $point:not-killed" ;;
	esac
	enrol >"$dir/out" 2>&1
	status=$?
	# 1: it was killed behind its last word, and is enrolled.
	{ [ $status = 0 ] || { [ $status = 1 ] && grep -q already "$dir/out"; }; } ||
		bad+=" $point:$(cat "$dir/struck" "$dir/out" | tr '\n' ' ')"
	[ "$(joins)" = 1 ] || bad+=" $point:$(joins)-nodes"
	[ -s "$state/enrolled.json" ] && [ -s "$inbox/courier/certificate.pem" ] ||
		bad+=" $point:incomplete"
done <"$dir/points"
is "$bad" "" "killed at any of them, and run again: one enrolment"
ok "of which nearly all were reached: $over were not" test "$over" -le 3

done_testing
