#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# The bench's own test, in a guest: a row goes red for every way in which it can
# be wrong, and says which. Merlon has no part in it: what arms is nftables at the
# device's egress, with a hole of one kind or another.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
plan 26

export MERLON_LEAK_RESULT=$tap_dir/result
unset MERLON_LEAK_CONTROL

# row LINE...: a row that sends UDP, with what these lines change, and ends with
# $end; each has names of namespaces of its own. Sets $verdict, $status.
end=row_run
row() {
	{
		echo '#!/bin/bash'
		echo ". '$PWD/selftests/leak/row.bash'"
		echo 'row=1 title="test" ways=(udp4 udp6) tries=2'
		# shellcheck disable=SC2016
		echo 'send() { shoot udp - "${at[gw$f]}" 7777; }'
		declare -f wall
		echo 'arm() { wall; }; disarm() { n node nft flush ruleset; }'
		printf '%s\n' "$@"
		echo "$end"
	} >"$tap_dir/row"
	: >"$MERLON_LEAK_RESULT"
	status=0
	bash "$tap_dir/row" >"$tap_dir/said" 2>&1 </dev/null || status=$?
	verdict=$(jq -r '.verdict + ": " + .why' "$MERLON_LEAK_RESULT")
}

# wall [RULE]...: what lockdown lets through, and that
# shellcheck disable=SC2317
wall() {
	n node nft -f - <<-NFT
		table netdev wall {
			chain c {
				type filter hook egress device eth0 priority 0; policy drop;
				$(printf '%s\n' "$@")
				udp sport 68 udp dport 67 accept
				ether type arp accept
				icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
				udp sport 51820 udp dport 51820 accept
			}
		}
	NFT
}

red() {
	is "$verdict" "$1: ${2:-}" "$3"
	[ "$verdict" = "$1: ${2:-}" ] || diag "$(cat "$tap_dir/said")"
	is "$status" 1 "and its program fails"
}

row
is "$verdict" "held: " "a wall that holds" || diag "$(cat "$tap_dir/said")"
is "$status" 0 "and its program is green"
row 'arm() { :; }'
red LEAKED "" "no wall"
row 'arm() { wall "meta l4proto udp ip6 version 6 accept"; }'
red LEAKED "" "a wall that forgets IPv6"
row 'send() { :; }'
red "not tested" "" "nothing is sent"
row 'send() { [ $f = 4 ] || shoot udp - "${at[gw$f]}" 7777; }'
red "not tested" "" "one way is not sent"
row 'arm() { wall "udp dport 67 drop"; }'
red "too tight" "" "a wall that stops DHCP"
row 'arm() { wall "udp dport 51820 drop"; }'
red "too tight" "" "a wall that stops WireGuard"
row 'disarm() { :; }'
red "not proven" "" "what is not seen again afterwards"
row 'arm() { echo no; return 1; }'
red "not tested" "not armed: no" "what cannot be armed"

# What stands in for the status here: a file that is there while the way is open.
# shellcheck disable=SC2016
{
	end='row_alarmed hole'
	rings='names_hole() { [ -e "$tap_dir/rings" ]; }'
	ringing='hole_open() { : >"$tap_dir/rings"; }; hole_close() { rm "$tap_dir/rings"; }'
	open='arm() { wall "udp dport 7777 accept"; }'
	always='setup() { : >"$tap_dir/rings"; }'
}
row "$rings" "$ringing" "$open"
is "$verdict" "alarm: merlon status: hole" "what leaves and is told of" || diag "$(cat "$tap_dir/said")"
is "$status" 0 "and its program is green"
row "$rings" "$open"
red LEAKED "" "what leaves, and nothing tells of it"
row "$rings" "$always" "$open"
red "not proven" "the status names hole without a reason" "an alarm that always rings"
row "$rings"
is "$verdict" "held: " "what needs no alarm, since it does not leave" || diag "$(cat "$tap_dir/said")"
is "$status" 0 "and its program is green"
