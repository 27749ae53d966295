#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# merlon-signer as it is installed: a user of its own, in its state directory, behind
# its system call filter. The test is the server, and a hostile one:
#
#	trustee (the server's user) --- unix socket --- merlon-signer (another user)
#	                                                     |
#	                                                   ledger

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
signer=$PWD/build/user/merlon-signer trustee=$PWD/build/user/tools/trustee
merlon=$PWD/build/user/merlon
[ "$(id -u)" = 0 ] || bail "this test changes users: run it as root"
for program in "$signer" "$trustee" "$merlon"; do
	[ -x "$program" ] || bail "$program is not built"
done

# The signer is nobody; the server is the test. In memory: what kill -9 can lose is
# the same there, and a disk would be asked to sync for every join.
dir=$(mktemp -d /dev/shm/signer.XXXXXX) || bail "no directory in memory"
at_exit rm -rf "$dir"
socket=$dir/socket
chmod 711 "$dir"
mkdir -m 700 "$dir/state"
chown nobody "$dir/state"
cd "$dir" || exit
pid=''

must "$trustee" keyfile s1 key
"$trustee" root net 1 0 r1 >root1
digest=$("$trustee" digest root1) || bail "no root document"

stop() {
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
	[ -z "$pid" ] || wait "$pid" 2>/dev/null
	pid=''
}
at_exit stop

# start [VARIABLE=VALUE...] [-- OPTION...]: and waits until it says that it is ready
start() {
	local environment=()

	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		environment+=("$1")
		shift
	done
	: >"$dir/log" # or what the last one said is taken for this one's
	env "${environment[@]}" "$signer" --state-dir "$dir/state" --key "$dir/key" \
		--socket "$socket" --user nobody --server-user root "${@:2}" 2>"$dir/log" &
	pid=$!
	wait_for 10 grep -q 'ready:' "$dir/log" || bail "it does not start: $(cat "$dir/log")"
}

ask() { "$trustee" ask "$socket" "$@" >"$dir/answer" 2>&1; }
submit() { ask "{\"kind\":\"$1\",\"request\":\"submit\"}" "$2"; }
field() { jq -rc "$1" "$dir/answer"; }
status_of() { ask '{"request":"status"}' && field "$1"; }

# refused PATTERN DESCRIPTION KIND FILE
refused() {
	local status=0

	submit "$3" "$4" || status=$?
	if [ "$status" = 1 ] && grep -qE -- "$1" "$dir/answer"; then
		pass "$2"
	else
		fail "$2" || true
		diag "status $status, wanted 1 and: $1"
		diag "$(cat "$dir/answer")"
	fi
}

cat >policy <<'END'
{
	"network": {"ipv4": "100.64.0.0/12"},
	"tagOwners": {"tag:web": []},
	"nodes": {"gate": {"addresses": ["100.64.0.1"]}},
	"grants": [{"src": ["gate"], "dst": ["tag:web"], "ip": ["tcp:443"]}],
}
END

# --- a beginning ------------------------------------------------------------
exits 2 "without a ledger it says what it needs" "$signer" --state-dir "$dir/state" \
	--key "$dir/key" --socket "$socket" --user nobody --server-user root
like "$(cat "$tap_dir/output")" "no ledger yet" "in a sentence"
start -- --network net --root-digest "$digest"
is "$(stat -c %U:%a "$dir/state/ledger")" nobody:600 "the ledger is the signer's alone"
is "$(sed -n 's/^Seccomp:\t//p' "/proc/$pid/status")" 2 "it is behind a filter"
is "$(awk '/^(Uid|CapEff)/ {print $2}' "/proc/$pid/status" | tr '\n' ' ')" \
	"$(id -u nobody) 0000000000000000 " "it is nobody, and has no rights"
is "$(readlink "/proc/$pid/root")" "$dir/state" "it sees its state directory alone"
setpriv --reuid daemon --clear-groups "$trustee" ask "$socket" '{"request":"status"}' \
	>"$dir/answer" 2>&1
is "$?" 3 "others than the server are not answered"
ok "the server is" ask '{"request":"status"}'
like "$(field .waiting)" "no root document" "and is told what is missing"

# --- honest documents -------------------------------------------------------
"$trustee" policy net 0 1 p1 <policy >policy1
"$trustee" grant net otk 2 3600 m1 >grant
"$trustee" join net otk otk n1 >join1
refused "no root document" "nothing before the root" policy policy1
ok "the root" submit root root1
ok "the policy" submit policy policy1
ok "a grant" submit grant grant
ok "a join" submit join join1
is "$(field .addresses[0])" 100.64.0.2 "which is given an address"
cp answer first
ok "the same join again" submit join join1
ok "has the same answer" cmp answer first
ok "a generation is made by itself" ask '{"request":"generation","since":0,"wait":true}'
is "$(field '[.nodes[].name] | join(" ")')" "gate n1" "with all nodes"
"$trustee" ask "$socket" '{"request":"generation","since":0,"wait":false}' >answer 3>envelope
serial=$(field .serial)
is "$(jq -r .payload envelope | base64 -d | jq -rc '[.network, .epoch, .treeSize] | join(" ")')" \
	"net 0 2" "and one statement"
leaf=$(field '.nodes[1].leaf')
"$trustee" ask "$socket" "{\"digests\":[\"$leaf\"],\"request\":\"blocks\"}" >answer 3>leaf
is "$(sha256sum <leaf | cut -d' ' -f1)" "$leaf" "a leaf is fetched by its digest"
is "$(jq -rc '[.config.peers[].name, .config.addresses[0]] | join(" ")' leaf)" \
	"gate 100.64.0.2" "and has its peer and its address"
"$trustee" join net otk otk n2 >join2
ok "one more" submit join join2
ok "and its generation" ask "{\"request\":\"generation\",\"since\":$serial,\"wait\":true}"
is "$(field '[.full, (.nodes | map(.name) | join(","))] | join(" ")')" "false gate,n2" \
	"says what is other since then"

# --- hostile ones -----------------------------------------------------------
"$trustee" join net otk otk n3 >bad
refused "was for 2 nodes" "a grant that is used up" join bad
"$trustee" grant net otk2 1 3600 p1 >bad
refused "membership" "a grant that the policy key signed" grant bad
"$trustee" grant net otk2 1 3600 s1 >bad
refused "membership" "a grant that the signer's own key signed" grant bad
"$trustee" grant net otk2 1 -5 m1 >bad
refused "expired" "a grant that has expired" grant bad
"$trustee" grant net otk3 1 3600 m1 >grant3
ok "a good one" submit grant grant3
"$trustee" join other otk3 otk3 n3 >bad
refused "other" "a join for another network" join bad
"$trustee" join net otk3 stolen n3 >bad
refused "signed by" "a stolen grant, with another one-time key" join bad
"$trustee" join net otk3 otk3 n3 "$(head -c 32 /dev/zero | tr '\0' '\11' | base64)" >bad
refused "proof" "a WireGuard key that the node does not hold" join bad
"$trustee" policy net 0 2 m1 <policy >bad
refused "policy" "a policy that the membership key signed" policy bad
"$trustee" root net 2 0 r1 >root2
"$trustee" root net 2 0 m1 >bad
refused "root" "a root that the membership key signed" root bad
ok "the next root" submit root root2
refused "version 1" "the root before it" root root1
"$trustee" policy net 0 2 p1 <policy >policy2
ok "the next policy" submit policy policy2
refused "version" "the policy before it" policy policy1
is "$(status_of '[.active, .rootVersion, .policyVersion] | join(" ")')" "2 2 2" \
	"nothing came of any of it"
ok "a revocation needs no signature" ask '{"node":"n2","request":"revoke"}'
ok "garbage ends the connection and nothing else" bash -c \
	"head -c 4000 /dev/urandom | timeout 5 socat -u - UNIX-CONNECT:$socket"
ok "a header that is none is refused" bash -c "! $trustee ask $socket '[]' && kill -0 $pid"

# --- killed at any moment -----------------------------------------------------
# Each round streams joins until the signer is killed. A name that was acknowledged
# must be in every later ledger, with its address, and an address be one node's.
: >acknowledged
for round in {1..12}; do
	"$trustee" joins "$socket" net "k$round" >>acknowledged 2>>noise &
	stream=$!
	wait_for 10 grep -q "^k$round-$((round % 5)) " acknowledged
	stop
	wait "$stream"
	start
done
total=$(wc -l <acknowledged)
[ "$total" -ge 20 ] || diag "only $total joins"
is "$(cut -d' ' -f2 acknowledged | sort | uniq -d)" "" "no address was given twice"
"$trustee" joins "$socket" net last >tail.out 2>/dev/null &
stream=$!
wait_for 10 grep -q '^last-3 ' tail.out
kill "$stream"
wait "$stream" 2>/dev/null
is "$(cut -d' ' -f2 acknowledged tail.out | sort | uniq -d)" "" "nor after it all"
wait_for 30 bash -c "$trustee ask $socket '{\"request\":\"generation\",\"since\":0,\"wait\":false}' |
	jq -e '[.nodes[].name] | any(. == \"last-3\")' >/dev/null"
ask '{"request":"generation","since":0,"wait":false}'
field '.nodes[].name' | sort >have
is "$(cut -d' ' -f1 acknowledged | sort | comm -23 - have)" "" \
	"all that was acknowledged is there ($total joins, 12 kills)"
"$trustee" join net otk-k1-0 otk-k1-0 twice >bad
refused "was for 1 node" "a use is a use, whoever was killed" join bad

# --- damage -----------------------------------------------------------------
stop
cp -p state/ledger whole
size=$(stat -c %s whole)
noticed=0
for at in 0 9 40 200 $((size / 3)) $((size / 2)) $((size - 40)) $((size - 1)); do
	cp -p whole state/ledger
	printf "\\x$(printf %x $((0x$(xxd -p -s "$at" -l 1 whole) ^ 1)))" |
		dd of=state/ledger bs=1 seek="$at" conv=notrunc status=none
	"$signer" --state-dir "$dir/state" --key "$dir/key" --user nobody --server-user root -n \
		>/dev/null 2>damage
	[ $? = 2 ] && grep -q "damaged" damage && noticed=$((noticed + 1))
done
is "$noticed" 8 "a turned bit is noticed, wherever it is"
cp -p whole state/ledger
truncate -s $((size - 20)) state/ledger
start
like "$(cat log)" "never finished" "a torn tail is cut, and said"

done_testing
