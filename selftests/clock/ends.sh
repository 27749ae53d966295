#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# A membership that ends: a key with --lifetime, days that go by, and everybody's part in it.
# The rule itself, second by second, is proven in selftests/unit/test_signer_ends.c.
#
#	n1: merlond --------+
#	n2, n3: joiner -----+- TLS - merlon-control - unix socket - merlon-signer
#	n4, soon: curl -----+
#
# n1 and n2 came by a key whose nodes stay for ten days, n3 by one without an end. Who is in is
# judged by n3's bundle, which names its peers, and is verified under the root.
#
# BUILD=asan: with sanitizers.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=clock.bash
. selftests/clock/clock.bash
# shellcheck source=../control/real.bash
. selftests/control/real.bash
# shellcheck source=scene.bash
. "$clock_tree/selftests/clock/scene.bash"

# From when it is there, the policy speaks of n1: and goes on when n1 has ended.
speaks=''
policy_document() { # VERSION
	"$trustee" policy net 0 "$1" p1 <<-END
		{
			"network": {"ipv4": "100.64.0.0/12"},
			"tagOwners": {"tag:web": []},
			"grants": [{"src": ["tag:web"], "dst": ["tag:web"$speaks], "ip": ["tcp:$1"]}],
		}
	END
}
renew() { # NODE LIFETIME [KEY]
	"$build/merlon-control" node renew "$1" --lifetime "$2" --config control-0.json \
		--membership-key "${3:-m1.key}"
}
# join NAME <KEY: a machine without merlond
join() {
	mkdir -p "$1"
	by n1 "$joiner" join 127.0.0.9 "$1" "$dir/$1" >"$1/answer" 2>&1
	head -n 1 "$1/answer"
}
as() { api "$2" --cert "$1/tls.pem" --key "$1/tls.key" "${@:3}"; } # MACHINE PATH [CURL OPTION...]
word() { jq -r .error body; }
# Whom n3 has as peers, by what was signed.
peers() {
	must "$joiner" fetch - "$dir/n3"
	as n3 '/v1/generation?epoch=0&serial=0' >/dev/null
	jq -r .leaf body | base64 -d | jq -r '[.config.peers[].name] | sort | join(" ")'
}
peers_are() { [ "$(peers)" = "$1" ]; }
state_of() { local_api "/v1/nodes/$1" >/dev/null && jq -r "$2" body; } # NODE FILTER
state_is() { [ "$(state_of "$1" .state)" = "$2" ]; }
count_of() { events "select(.event_type == \"$1\" and .details.node == \"$2\").event_type" | wc -l; }

control_setup
server_start 0
key_create --uses 25 --lifetime 10d >ten
key_create --uses 25 --expires 90d >for-good
like "$(key_create --lifetime 10d 2>&1 >/dev/null; cat key.err)" "stays for 10 days" "a key says how long its machines stay"
exits 2 "a lifetime that is none is refused" "$build/merlon-control" key create --config control-0.json \
	--membership-key m1.key --lifetime 10y
ok "a policy is published" policy_publish 1
ok "(and held)" wait_for 10 eval '[ "$(status_of .signer.policyVersion)" = 1 ]'
is "$(join n2 <ten)" 200 "n2 joins by it"
is "$(join n3 <for-good)" 200 "n3 by one without an end"
ok "n1 is enrolled" by n1 "$merlon" enrol --name n1 --state-dir "$dir/n1" --inbox "$dir/n1-inbox" \
	--user nobody --no-start --key-file - <ten
node_start
ok "and has a generation" wait_for 20 test -s n1/kernel-log
ok "n3 has both as peers" wait_for 10 peers_are "n1 n2"
end=$(state_of n1 .expires)
ok "n1 ends in ten days" test $((end - $(date +%s))) -gt $((10 * day - 60)) -a $((end - $(date +%s))) -le $((10 * day))
is "$(state_of n3 .expires)" 0 "n3 never"
knows() { [ "$(node_says .server.membershipEnds)" = "$1" ]; }
ok "n1 is told its day" wait_for 20 knows "$end"
is "$(status_of '.membership | "\(.expired) \(.soon)"')" "0 0" "nobody ends soon"

speaks=', "n1"'

# --- four days later -----------------------------------------------------------------------
all_sleep $((4 * day))
warned() { grep -q "alert: .*n[12] first" server-0.log; }
ok "six days before, the server warns" wait_for 20 warned
is "$(status_of '.membership | "\(.expired) \(.soon)"')" "0 2" "and says so of both"
arrives "n1 goes on"
ok "n1 warns, too" wait_for 20 grep -q 'membership: .*node renew n1' n1.log
is "$(renew n3 20d | cut -d' ' -f1-5)" "n3 is a node until" "a node that had no end can get one"
ok "and lose it, by what is signed in another second" wait_for 5 renew n3 none
is "$(state_of n3 .expires)" 0 "for good"
key_before=$(state_of n2 .wireguard)
ok "n2 is renewed before its end" renew n2 30d
exits 2 "not by another key" renew n1 30d s1.key

# --- its second ------------------------------------------------------------------------------
# A signer that has started ten seconds before the end wakes for it, as no change does.
all_sleep $((end - $(date +%s) - 10))
signer_again
ok "ten seconds before, n1 is in" wait_for 20 there
ok "and n3 has it" peers_are "n1 n2"
ok "then n3 has it no more" wait_for 30 peers_are "n2"
late=$(($(status_of .generation.issued) - end))
ok "by a generation of that second ($late behind; three on a busy machine)" test "$late" -ge 0 -a "$late" -le 3
ok "the server says expired" wait_for 10 state_is n1 expired
is "$(state_of n2 .state)" active "of n1 alone"
is "$(count_of node.expire n1)" 1 "the audit log has it"
is "$(status_of .membership.expired)" 1 "and status"
like "$("$build/merlon-control" status --config control-0.json)" "expired .*1 node" "in words, too"
hears() { node_says .server.problem | grep -q 'has expired.*node renew n1'; }
ok "n1 hears what is the matter, and what to do" wait_for 30 hears
not_ok "and is not taken for a burglar" grep -q 'alert: .*failures' server-0.log

# --- what it may not ------------------------------------------------------------------------
node_stop
renewals() { grep -c 'certificate is renewed' n1.log; }
cp n1-inbox/courier/certificate.pem n1/tls.pem && cp n1-inbox/courier/tls.key n1/tls.key
is "$(as n1 '/v1/generation?epoch=0&serial=0') $(word)" "403 expired" "no generation for it"
openssl req -new -key n1/tls.key -subj /CN=n1 2>/dev/null | jq -Rs '{certificateRequest: .}' >request.json
is "$(as n1 /v1/certificate --data-binary @request.json) $(word)" "403 expired" "no certificate"
is "$(join n1 <for-good)" 409 "nobody else gets its name"
signer_stop
server_again
is "$(as n1 '/v1/generation?epoch=0&serial=0') $(word)" "403 expired" "also of a server that has just started, without its signer"
exits 2 "which cannot renew anybody" renew n1 30d
like "$(cat "$tap_dir/output")" "signer" "and says why"
signer_again
ok "the signer is back" wait_for 20 there
# What the server keeps of nodes is not what the signer goes by.
ok "a server that says it is active changes nothing" sqlite3 state/store.db "UPDATE nodes SET state = 'active'"
is "$(as n1 '/v1/generation?epoch=0&serial=0') $(word)" "403 expired" "not even for itself"
arrives_at_n3() { policy_publish $((version += 1)) && wait_for 10 peers_are n2; }
ok "n3 does not have it again" arrives_at_n3

# --- and back ------------------------------------------------------------------------------
addresses=$(state_of n1 .addresses)
node_start
ok "n1, started anew, hears it again" wait_for 30 hears
ok "n1 is renewed" renew n1 90d
ok "n3 has it again" wait_for 20 peers_are "n1 n2"
ok "it is active" wait_for 10 state_is n1 active
is "$(state_of n1 .addresses)" "$addresses" "with the addresses that it had"
is "$(state_of n2 .wireguard)" "$key_before" "(and nobody has other keys)"
well() { [ -z "$(node_says .server.problem)" ]; }
ok "n1 is well" wait_for 90 well
arrives "and the next change of policy arrives"
is "$(count_of node.renew n1)" 2 "both that were signed so are in the audit log"
all_sleep $((slept + 20 * day))
arrives_at_both() { policy_publish $((version += 1)) && wait_for 10 peers_are "n1 n2"; }
ok "n2 outlives the day that it had first" arrives_at_both
ok "the audit log verifies" audit_is_well
done_testing
