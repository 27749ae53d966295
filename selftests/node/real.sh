#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# merlon enrol and merlond against the real merlon-control and merlon-signer, on loopback:
# two nodes, a policy, a change, a server that goes and comes, a node that is revoked.
#
#	n1: merlon enrol, merlond ──┐
#	                            ├── TLS ── merlon-control ── merlon-signer
#	n2: merlon enrol, merlond ──┘

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=network.bash
. selftests/node/network.bash
control_init
policy 443

same_and_above() { # GENERATION: both nodes have one, and another than that
	[ -n "$(generation n1)" ] && [ "$(generation n1)" = "$(generation n2)" ] &&
		[ "$(generation n1)" != "$1" ]
}

# The leaf is JSON of one line within the bundle.
peers() { strings -n 200 "$dir/$1/accepted.bundle" | grep -o '{"blocks":{"image.*' |
	jq -r '.config.peers[].name' 2>/dev/null | xargs; }

node_join n1
node_start n1
ok "and has a generation" wait_for 10 test -s "$dir/n1/kernel-log"
node_join n2
node_start n2
ok "both have the one with both" wait_for 10 same_and_above "$(generation n1)"
is "$(peers n1) $(peers n2)" "n2 n1" "each the other as its peer"

# --- where nodes are -------------------------------------------------------------
ask() { # NODE PATH [OPTION...]: by that node's certificate; the body goes to $dir/said, or $body
	curl -sSk -o "${body:-$dir/said}" -w '%{http_code}' --cert "$dir/$1-inbox/courier/certificate.pem" \
		--key "$dir/$1-inbox/courier/tls.key" "${@:3}" "https://127.0.0.1:$port$2"
}
say() { ask "$1" /v1/endpoints --json "$2"; }
now=$(generation n2)
at="/v1/generation?epoch=${now%.*}&serial=${now#*.}"
is "$(ask n2 "$at&endpoints=")" 200 "asked where its peers are, the server answers"
is "$(jq -c .endpoints.peers "$dir/said")" "[]" "that nobody said so yet"
none=$(jq -r .endpoints.digest "$dir/said")
is "$(ask n2 "$at&endpoints=$none")" 204 "once"
body=$dir/told ask n2 "$at&endpoints=$none&wait=40" >"$dir/woken" &
poll=$!
wait_for 5 bash -c "[ \$(ss -Htn state established '( dport = :$port )' | wc -l) -ge 3 ]"
begun=${EPOCHREALTIME/./}
is "$(say n1 '{"addresses":["192.0.2.7","2001:db8::7"],"port":51820}')" 204 "n1 says where it is"
wait "$poll"
took=$(((${EPOCHREALTIME/./} - begun) / 1000))
is "$(<"$dir/woken")" 200 "n2, which waits, is told"
ok "at once ($took ms)" test "$took" -lt 2000
is "$(jq -c '.endpoints.peers[].endpoints' "$dir/told")" '["192.0.2.7:51820","[2001:db8::7]:51820"]' \
	"both addresses (where it comes from is this machine's own)"
is "$(jq -r '.endpoints.peers[].publicKey' "$dir/told")" "$(wg pubkey <"$dir/n1/wireguard.key")" \
	"of the peer with n1's key"
ok "so is its daemon, which keeps it" wait_for 5 grep -q '192.0.2.7:51820' "$dir/n2-inbox/courier/endpoints.json"
is "$(ask n1 "$at&endpoints=$none")" 204 "n1 hears nothing of itself"
for wrong in '["127.0.0.1"],"port":51820' '["a.example"],"port":51820' '["192.0.2.7"],"port":0' \
	'["224.0.0.1"],"port":51820' '["::ffff:192.0.2.7"],"port":51820' '[7],"port":51820' \
	'["192.0.2.1","192.0.2.2","192.0.2.3","192.0.2.4"],"port":51820' '["192.0.2.7"]'; do
	is "$(say n1 "{\"addresses\":$wrong}")" 400 "not taken: $wrong"
done
is "$(curl -sSk -o "$dir/said" -w '%{http_code}' --json '{"addresses":[],"port":1}' \
	"https://127.0.0.1:$port/v1/endpoints")" 403 "nor from who has no certificate"

before=$(generation n1)
policy 8443
started=$(date +%s%N)
wait_for 10 same_and_above "$before"
took=$((($(date +%s%N) - started) / 1000000))
ok "a change of policy is on both within 2 s of its acceptance ($took ms)" test "$took" -le 2000

before=$(generation n1)
control_stop
ok "the server is gone, and the nodes say so" wait_for 5 grep -q 'courier: ' "$dir/n1.log"
is "$(generation n1)" "$before" "what is in force stays"
control_start
policy 9443
ok "it is back: the next change arrives" wait_for 6 same_and_above "$before"

# --- other keys --------------------------------------------------------------------
leaf() { strings -n 200 "$dir/$1/accepted.bundle" | grep -o '{"blocks":{"image.*' | jq -r ".config.$2"; }
rotate() { "$merlon" rotate --state-dir "$dir/n1" --inbox "$dir/n1-inbox" --user nobody "$@"; }
knows() { [ "$(leaf n2 'peers[].publicKey')" = "$1" ] && [ "$(leaf n1 publicKey)" = "$1" ]; }
public() { wg pubkey <"$dir/n1/wireguard.$1"; }
ok "n2 has n1's key, and n1 its own" knows "$(public key)"
cp "$dir/n1/identity.key" "$dir/old-identity"
control_stop
exits 2 "no server: no rotation" rotate
ok "but one that waits" test -s "$dir/n1/rotating.json"
waiting=$(jq -r .payload "$dir/n1/rotating.json" | base64 -d | jq .counter)
is "$(cat "$dir/n1/identity.key")" "$(cat "$dir/old-identity")" "and the identity key is as it was"
control_start
is "$(rotate --json | jq .counter)" "$waiting" "it is sent again"
not_ok "and the identity key is another" cmp -s "$dir/n1/identity.key" "$dir/old-identity"
ok "both nodes have a generation with the new WireGuard key" wait_for 10 knows "$(public next)"
refused 1 "waits for a generation" "the next waits for the key that it brought" rotate
mv "$dir/n1/wireguard.next" "$dir/n1/wireguard.key" # as merlond does where the tunnel is its own
rm "$dir/n1-inbox/courier/certificate.pem"
cp "$dir/n1/identity.key" "$dir/new-identity"
nodes_end
cp "$dir/old-identity" "$dir/n1/identity.key"
node_start n1
ok "the old identity key is worth nothing" wait_for 10 grep -q 'courier: .* says: ' "$dir/n1.log"
not_ok "no certificate for it" test -e "$dir/n1-inbox/courier/certificate.pem"
cp "$dir/new-identity" "$dir/n1/identity.key"
nodes_end
node_start n1
ok "by the new one there is a certificate" wait_for 10 test -s "$dir/n1-inbox/courier/certificate.pem"
node_start n2
ok "a second rotation" rotate
ok "of which both hear" wait_for 10 knows "$(public next)"
exits 1 "which is not to be given up" rotate --give-up
ok "whose key is still there" knows "$(public next)"
mv "$dir/n1/wireguard.next" "$dir/n1/wireguard.key"
control_stop
exits 2 "a third, and no server" rotate
ok "can be given up" rotate --give-up
not_ok "and its keys are gone" test -e "$dir/n1/wireguard.next"
not_ok "and so is it" test -e "$dir/n1/rotating.json"
control_start

# --- a node that asks for ever more certificates -------------------------------------
statuses() { for i in {1..12}; do ask n2 /v1/certificate --json '{"certificateRequest":"none"}'; echo; done; }
is "$(statuses | uniq -c | xargs)" "10 400 2 429" "ten certificates at once, and then one a minute"
is "$(ask n2 "/v1/generation?epoch=0&serial=0")" 200 "what is no certificate it has all the same"

before=$(generation n1)
of_two=$(generation n2)
other() { [ "$(generation n1)" != "$before" ]; }
is "$("$control/merlon-control" nodes --config "$dir/control.json" --json |
	jq -r '.nodes[] | "\(.name) \(.state) \(.tags)"' | paste -sd' ')" \
	"n1 active tag:web n2 active tag:web" "merlon-control nodes"
ok "n2 is revoked" "$control/merlon-control" revoke --config "$dir/control.json" --node n2
is "$("$control/merlon-control" nodes --config "$dir/control.json" | awk '/n2/ { print $2 }')" \
	revoked "and so it is shown"
exits 2 "who is not there cannot be" "$control/merlon-control" revoke \
	--config "$dir/control.json" --node n3
ok "n1 has a generation" wait_for 5 other
is "$(peers n1)" "" "without it"
is "$(say n2 '{"addresses":["192.0.2.8"],"port":51820}')" 403 "n2 says nothing any more"
ok "n2 is refused" wait_for 8 grep -q 'courier: .* says: ' "$dir/n2.log"
is "$(generation n2)" "$of_two" "and given nothing more"

done_testing
