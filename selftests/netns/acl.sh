#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Who may talk to whom: in, out, forwarded and peer to peer, in both families.
# The scene is drawn in common.bash. Each denial is of a packet that passes when
# a rule allows it, and is judged by a capture at the far end.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash

scene

# all VERDICT WHY: one probe on every path
all() {
	local f path ends

	for f in 4 6; do
		for path in a2g g2a a2l l2a a2b b2a; do
			ends=$(ends "$path" "$f")
			# shellcheck disable=SC2086
			"$1" "$path" "IPv$f $path: $2" $ends proto=tcp sport=$((RANDOM + 1024)) \
				dport=80 flags=S
		done
	done
}

all passes "not armed, passes"

wall_up <<'RULES'
allow * * tcp/80
RULES
all passes "a rule allows it"

wall_load </dev/null
all stopped "no rule speaks of it"

# --- what rules can tell apart -----------------------------------------------

for f in 4 6; do
	wall_load <<-RULES
		allow ${ip[alice$f]} ${ip[lan$f]} tcp/80-82,udp/53,${icmp[$f]}/${echo[$f]},sctp/9,47
		allow ${ip[lan$f]} ${ip[alice$f]} udp/53
	RULES
	to="src=${ip[alice$f]} dst=${ip[lan$f]}"
	# shellcheck disable=SC2086
	{
		passes a2l "IPv$f port 80 of 80-82" $to proto=tcp sport=5000 dport=80 flags=S
		passes a2l "IPv$f port 82 of 80-82" $to proto=tcp sport=5001 dport=82 flags=S
		stopped a2l "IPv$f port 79 is not" $to proto=tcp sport=5002 dport=79 flags=S
		stopped a2l "IPv$f port 83 is not" $to proto=tcp sport=5003 dport=83 flags=S
		passes a2l "IPv$f UDP 53" $to proto=udp sport=5004 dport=53
		stopped a2l "IPv$f UDP 80 is not TCP 80" $to proto=udp sport=5005 dport=80
		passes a2l "IPv$f echo request" $to proto="${icmp[$f]}" type="${echo[$f]}" id=7
		stopped a2l "IPv$f another ICMP type" $to proto="${icmp[$f]}" type=$((echo[$f] + 3)) id=7
		passes a2l "IPv$f SCTP 9" $to proto=sctp sport=5006 dport=9
		stopped a2l "IPv$f SCTP 10" $to proto=sctp sport=5007 dport=10
		passes a2l "IPv$f GRE, a protocol by number" $to proto=gre
		stopped a2l "IPv$f ESP is not GRE" $to proto=50
		passes l2a "IPv$f the other way has its own rule" \
			src="${ip[lan$f]}" dst="${ip[alice$f]}" proto=udp sport=5008 dport=53
		stopped l2a "IPv$f which is not the first one" \
			src="${ip[lan$f]}" dst="${ip[alice$f]}" proto=tcp sport=5009 dport=80 flags=S
		stopped a2b "IPv$f nor one for another destination" \
			src="${ip[alice$f]}" dst="${ip[bob$f]}" proto=tcp sport=5010 dport=80 flags=S
	}
done

# --- deny wins -----------------------------------------------------------------

for f in 4 6; do
	wall_load <<-RULES
		allow * * tcp
		drop ${ip[alice$f]} * tcp/80
		allow ${ip[alice$f]} ${ip[lan$f]} tcp/80
	RULES
	to="src=${ip[alice$f]} dst=${ip[lan$f]} proto=tcp flags=S"
	# shellcheck disable=SC2086
	{
		stopped a2l "IPv$f a deny wins over two allows" $to sport=6000 dport=80
		passes a2l "IPv$f and speaks of its port alone" $to sport=6001 dport=81
		passes b2a "IPv$f and of its source alone" src="${ip[bob$f]}" \
			dst="${ip[alice$f]}" proto=tcp flags=S sport=6002 dport=80
	}
	is "$(wall hits "drop ${ip[alice$f]} * tcp/80")" 1 "IPv$f the deny has counted it"
	is "$(wall hits "allow ${ip[alice$f]} ${ip[lan$f]} tcp/80")" 0 \
		"IPv$f the rule that it shadows has not"
done

# --- real programs ----------------------------------------------------------

wall_load <<'RULES'
allow 10.0.0.1,fd00::1 10.0.0.254,fd00::fe tcp/7,udp/7
allow 10.0.0.254,fd00::fe 10.0.0.1,fd00::1 tcp/8
allow 10.0.0.1,fd00::1 10.9.0.2,fd09::2 udp/7
allow 10.9.0.2,fd09::2 10.0.0.1,fd00::1 tcp/8
allow 10.0.0.1,fd00::1 10.0.0.2,fd00::2 tcp/7
RULES
for f in 4 6; do
	port=$((f == 4 ? 7 : 70))
	[ "$f" = 4 ] || wall_load <<-'RULES'
		allow fd00::1 fd00::fe tcp/70,udp/70
		allow fd00::fe fd00::1 tcp/80
		allow fd00::1 fd09::2 udp/70
		allow fd09::2 fd00::1 tcp/80
		allow fd00::1 fd00::2 tcp/70
	RULES
	back=$((f == 4 ? 8 : 80))
	serve gate tcp "${ip[gate$f]}" $port
	serve gate udp "${ip[gate$f]}" $port
	serve alice tcp "${ip[alice$f]}" $back
	serve lan udp "${ip[lan$f]}" $port
	serve bob tcp "${ip[bob$f]}" $port
	ok "IPv$f TCP to the gate" reach alice tcp "${ip[gate$f]}" $port
	ok "IPv$f UDP to the gate" reach alice udp "${ip[gate$f]}" $port
	ok "IPv$f TCP from the gate" reach gate tcp "${ip[alice$f]}" $back
	ok "IPv$f UDP to what is behind it" reach alice udp "${ip[lan$f]}" $port
	ok "IPv$f TCP from there" reach lan tcp "${ip[alice$f]}" $back
	ok "IPv$f TCP from peer to peer" reach alice tcp "${ip[bob$f]}" $port
	not_ok "IPv$f not TCP from the other peer" reach bob tcp "${ip[gate$f]}" $port 1
	not_ok "IPv$f nor from peer to the peer that asked" \
		reach bob tcp "${ip[alice$f]}" $back 1
done

done_testing
