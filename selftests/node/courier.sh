#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# merlond of an enrolled node, against a server on loopback that serves it well, badly,
# or not at all. Sync and apply are the real ones, behind their filters; in the place
# of the module is one that only remembers (selftests/node/kernel.c):
#
#	node-server ─── TLS ─── sync ─── sealed memory ─── apply ─── kernel-log
#	    │                    │                           │
#	 what $srv holds    inbox/courier              state directory
#
# The server's own answers are honest; each attack is a file in $srv.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/node/common.bash

node_pid='' log=$dir/log
node_start() { # [VARIABLE=VALUE...] [-- OPTION...]
	local environment=()

	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		environment+=("$1")
		shift
	done
	env "${environment[@]}" "$merlond" --no-tunnel --state-dir "$state" --inbox "$inbox" \
		--socket "$dir/socket" --user nobody -v "${@:2}" 2>>"$log" &
	node_pid=$!
}
node_ready() { wait_for 10 grep -q 'ready: ready' "$log" || bail "no merlond: $(cat "$log")"; }
node_gone() { ! kill -0 "$node_pid" 2>/dev/null; }
node_stop() {
	[ -z "$node_pid" ] || kill "$node_pid" 2>/dev/null
	[ -z "$node_pid" ] || wait "$node_pid" 2>/dev/null
	node_pid=''
}
at_exit node_stop
past() { [ "$(date +%s)" -ge "$1" ]; }
has() { [ "$(tail -n 1 "$state/kernel-log" 2>/dev/null | cut -d' ' -f2)" = "$1" ]; }

# bundle FILE SERIAL [NAME=VALUE...]: of this node and network, and the epoch that is
epoch=4 signer=31
bundle() {
	must "$mkbundle" "$1" network=example-net node=n1 seed="$signer" epoch="$epoch" \
		serial="$2" "${@:3}"
}
offer() { cp "$1" "$srv/.offer" && mv "$srv/.offer" "$srv/offer"; }
answer() { cat >"$srv/.answer" && mv "$srv/.answer" "$srv/answer"; }

# An honest generation, which is taken within five seconds: the way is free.
serial=1 mark=0
honest() { # [DESCRIPTION]
	rm -f "$srv"/{answer,always,block,slow}
	serial=$((serial + 1))
	bundle "$dir/honest" "$serial" allow="$( ((serial % 2)) && echo icmp || echo all)"
	offer "$dir/honest"
	if wait_for 8 has "$epoch.$serial"; then
		[ $# = 0 ] || pass "$1"
	else
		fail "${1:-generation $epoch.$serial arrives}" || true
		diag "$(tail -n 5 "$log" "$srv/log" "$state/kernel-log")"
	fi
	mark=$(wc -l <"$log")
}

# attack PATTERN DESCRIPTION: what $srv holds now is refused with that sentence, and the
# kernel has what it had
attack() {
	if wait_for 8 refusal "$1" &&
		has "$epoch.$serial"; then
		pass "$2"
	else
		fail "$2" || true
		diag "wanted: $1"
		diag "$(tail -n +$((mark + 1)) "$log"; tail -n 3 "$srv/log" "$state/kernel-log")"
	fi
	honest
}
# Since the last honest one, which is behind what was wrong before.
refusal() { tail -n +$((mark + 1)) "$log" | grep -E '(refused|courier): ' | grep -qE -- "$1"; }

# --- a node comes up ----------------------------------------------------------------
network
server_start
# By a name: behind the filter there is no DNS, and must not be.
key_for localhost >"$key"
must enrol
like "$(jq -c .addresses "$state/enrolled.json")" '"127\.0\.0\.1"' "the addresses of the name are remembered"
"$tool" identity "$state/identity.key" >"$srv/identity"
bundle "$dir/b1" 1
offer "$dir/b1"
: >"$log"
node_start
node_ready
ok "what is there is fetched and applied" wait_for 5 has 4.1
sync_pid=$(pgrep -P "$node_pid" -u nobody)
is "$(awk '/^(Uid|CapEff|CapBnd|Seccomp):/ { print $2 }' "/proc/$sync_pid/status" | xargs)" \
	"$(id -u nobody) 0000000000000000 0000000000000000 $([[ $build = *asan ]] && echo 0 || echo 2)" \
	"by a process without rights, behind its filter (but for sanitizers)"
is "$(readlink "/proc/$sync_pid/root")" "$inbox" "which sees the inbox alone"
honest "the next one comes by itself"
is "$(find "$inbox/courier/blocks" -type f | wc -l)" 2 "blocks of the one before are gone"
before=$(grep -c 'GET /v1/blocks' "$srv/log")
serial=$((serial + 1))
bundle "$dir/again" "$serial" allow="$( ((serial % 2)) && echo all || echo icmp)"
offer "$dir/again"
ok "a renewal of the same" wait_for 5 has "4.$serial"
is "$(grep -c 'GET /v1/blocks' "$srv/log")" "$before" "needs no block"
like "$(tail -n 1 "$state/kernel-log")" ^renewed "and loads nothing"

# What merlond says of its server, as `merlon status` asks it.
server_problem() {
	printf '{"request":"status"}' | socat -t2 - "UNIX-CONNECT:$dir/socket,type=5" |
		jq -r .server.problem
}
is "$(server_problem)" "" "status says that all is well with the server"

# --- what is refused -----------------------------------------------------------------
touch "$srv/always"
offer "$dir/b1"
attack 'older|4\.1' "rollback: an older generation"
bundle "$dir/bad" $((serial + 1)) issued=-7200 notBefore=-7200 expires=-3600
offer "$dir/bad"
attack 'expired' "freeze: one that has expired"
signer=99 bundle "$dir/bad" $((serial + 1))
offer "$dir/bad"
attack 'trust|signed' "wrong key: signed by nobody of the root"
must "$mkbundle" "$dir/bad" network=other-net node=n1 seed=31 epoch=4 serial=$((serial + 1))
offer "$dir/bad"
attack 'other-net' "foreign network"
must "$mkbundle" "$dir/bad" network=example-net node=n2 seed=31 epoch=4 serial=$((serial + 1))
offer "$dir/bad"
attack 'node "?n2' "another node's bundle"
bundle "$dir/one" $((serial + 1)) allow=tcp
bundle "$dir/two" $((serial + 2)) allow=none
"$tool" parts "$dir/one" >"$dir/one.json"
"$tool" parts "$dir/two" >"$dir/two.json"
jq -c --slurpfile two "$dir/two.json" '.envelope = $two[0].envelope' "$dir/one.json" | answer
offer "$dir/one"
attack 'proof|tree|root' "mix and match: one statement, another leaf"
bundle "$dir/one" $((serial + 1)) allow=tcp
bundle "$dir/two" $((serial + 2)) allow=none
"$tool" parts "$dir/one" >"$dir/one.json"
"$tool" parts "$dir/two" >"$dir/two.json"
jq -c --slurpfile two "$dir/two.json" '.blocks = $two[0].blocks' "$dir/one.json" | answer
offer "$dir/two"
attack 'image|rules|SHA|bytes' "mix and match: another generation's blocks, by their digests"
bundle "$dir/bad" $((serial + 1)) allow=tcp
echo 'something else' >"$srv/block"
offer "$dir/bad"
attack 'another block' "a block with another digest"
bundle "$dir/bad" $((serial + 1)) allow=tcp
head -c 3000000 /dev/zero >"$srv/block"
offer "$dir/bad"
attack 'more than .* bytes' "a block that does not end"
head -c $((100 << 20)) /dev/zero | tr '\0' ' ' | answer
attack 'more than .* bytes' "an answer that does not end"
"$tool" parts "$dir/bad" | head -c 700 | answer
attack 'not JSON' "a truncated answer"
"$tool" parts "$dir/bad" | jq -c '.envelope = .envelope[0:100]' | answer
attack 'base64|JSON|envelope' "a truncated envelope"
"$tool" parts "$dir/bad" | jq -c '.blocks.image.bytes = 999999999999' | answer
attack 'bytes' "a block larger than any"
"$tool" parts "$dir/bad" | jq -c '.extra = 1' | answer
attack 'extra' "a key that is none"
echo '{"error":"refused","sentence":"no"}' | answer
attack 'blocks|error' "an error that is no error"

# --- roots ------------------------------------------------------------------------------
root_attack() { # PATTERN DESCRIPTION: what is in roots/2 now; it is looked at before a statement
	serial=$((serial + 1))
	bundle "$dir/bad" "$serial"
	offer "$dir/bad"
	if wait_for 8 refusal "$1" && cmp -s "$state/root.json" "$srv/roots/1" &&
		! has "$epoch.$serial"; then
		pass "$2"
	else
		fail "$2" || true
		diag "wanted: $1"
		diag "$(tail -n +$((mark + 1)) "$log")"
	fi
	rm -f "$srv"/roots/[2-9]
	honest
}
"$tool" root 2 5 33 1 86400 1 >"$srv/roots/2"
root_attack 'threshold|root keys|2 of' "a root below the threshold"
"$tool" root 2 5 33 1 86400 1 99 >"$srv/roots/2"
root_attack 'threshold|root keys|2 of' "a root that a stranger signed"
"$tool" root 2 3 31 1 86400 1 2 >"$srv/roots/2"
root_attack 'epoch' "a root with a lower epoch"
"$tool" root 3 5 33 1 86400 1 2 >"$srv/roots/3"
root_attack 'version' "a root that leaves one out"
"$tool" root 2 5 33 2 86400 1 2 >"$srv/roots/2"
root_attack 'threshold of 1' "a root that wants two signatures on a bundle"

# --- fast-forward, and out of it -----------------------------------------------------------
bundle "$dir/far" 4611686018427387904
offer "$dir/far"
ok "fast-forward: who has the signing key can go far ahead" \
	wait_for 8 has 4.4611686018427387904
"$tool" root 2 5 33 1 86400 1 2 >"$srv/roots/2"
epoch=5 signer=33 serial=0
honest "a root with a new key and a new epoch ends it"
ok "the node has that root" cmp "$state/root.json" "$srv/roots/2"
touch "$srv/always"
must "$mkbundle" "$dir/bad" network=example-net node=n1 seed=31 epoch=6 serial=1
offer "$dir/bad"
attack 'trust|signed' "the old key signs nothing any more"
touch "$srv/always"
must "$mkbundle" "$dir/bad" network=example-net node=n1 seed=33 epoch=6 serial=1
offer "$dir/bad"
attack 'epoch' "nor the new key another epoch"

letter() { # FILE: into the inbox, as a courier by hand does it
	install -m 644 "$1" "$inbox/.letter" && mv "$inbox/.letter" "$inbox/hand.bundle"
}
# --- by hand -----------------------------------------------------------------------------
serial=$((serial + 1))
bundle "$dir/hand" "$serial"
letter "$dir/hand"
ok "the inbox is as it was" wait_for 5 has "5.$serial"
must "$mkbundle" "$dir/hand" network=example-net node=n1 seed=1 epoch=5 serial=$((serial + 1))
letter "$dir/hand"
ok "and takes what the root says" wait_for 5 grep -q 'hand.bundle.*put aside.*signed' "$log"

# --- the server goes and comes ---------------------------------------------------------------
server_stop
ok "a server that is gone is noticed" wait_for 5 grep -qE 'courier: .*(does not answer|broke)' "$log"
like "$(server_problem)" 'does not answer|broke' "and told, in status"
is "$(kill -0 "$node_pid" && tail -n 1 "$state/kernel-log" | cut -d' ' -f2)" "5.$serial" \
	"what is in force stays"
# Long enough for the pauses to have grown to their limit.
sleep 8
serial=$((serial + 1))
bundle "$dir/honest" "$serial" allow=none
offer "$dir/honest"
started=$(date +%s%N)
server_start
wait_for 8 has "5.$serial"
took=$((($(date +%s%N) - started) / 1000000))
ok "it is back, and asked within 5 s ($took ms)" test "$took" -le 5000
kill -STOP "$server_pid"
sleep 1
kill -CONT "$server_pid"
honest "one that stood still for a second is no trouble"

# --- certificates ----------------------------------------------------------------------------
node_stop
echo 6 >"$srv/lifetime"
issued=$(date +%s)
rm "$inbox/courier/certificate.pem"
: >"$log"
node_start
node_ready
honest "without a certificate: one by the identity key"
is "$(grep -c 'POST /v1/renew 200' "$srv/log") $(grep -c 'POST /v1/certificate' "$srv/log")" "1 0" \
	"once"
# Four of its six seconds are over, and what was rounded.
wait_for 20 past $((issued + 5))
rm "$srv/lifetime"
honest
ok "two thirds of its life are over: renewed by itself" \
	wait_for 20 grep -q 'POST /v1/certificate 200' "$srv/log"
honest "and it is the one that is used"
node_stop
wait_for 20 past $((issued + 8))
: >"$log"
node_start
node_ready
honest "kept, over a restart behind the end of the first"
is "$(grep -c 'POST /v1/renew 200' "$srv/log")" 1 "which asked for no other"

# --- a bundle that kills -----------------------------------------------------------------------
node_stop
serial=$((serial + 1))
bundle "$dir/deadly" "$serial" allow=tcp
offer "$dir/deadly"
# The sanitizer would make an orderly end of it.
for death in 1 2; do
	: >"$log"
	node_start ASAN_OPTIONS=handle_segv=0 NODE_TEST_CRASH=$serial MERLON_BOOT_ID=11111111-1111-1111-1111-111111111111
	ok "a bundle kills apply, death $death" wait_for 8 node_gone
	node_stop
done
: >"$log"
node_start NODE_TEST_CRASH=$serial MERLON_BOOT_ID=11111111-1111-1111-1111-111111111111
node_ready
ok "the third time it is set aside" wait_for 8 grep -q 'set it aside' "$log"
is "$(find "$state/quarantine" -type f | wc -l)" 1 "and kept for whoever looks into it"
honest "and the node goes on"
node_stop

# --- not enrolled --------------------------------------------------------------------------------
mv "$state" "$dir/enrolled"
asked=$(wc -l <"$srv/log")
must "$mkbundle" "$dir/trust.json" network=example-net node=n1 seed=1
must "$mkbundle" "$dir/plain" network=example-net node=n1 seed=1 epoch=1 serial=1
: >"$log"
node_start -- --trust "$dir/trust.json"
node_ready
letter "$dir/plain"
ok "a node that is not enrolled lives by trust.json, as before" wait_for 5 has 1.1
is "$(wc -l <"$srv/log")" "$asked" "and asks nobody"

done_testing
