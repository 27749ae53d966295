#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# What takes packets out of netfilter's hooks, or routes them anew behind them,
# leads past no verdict: IPVS, and source NAT that takes a packet out of an IPsec
# policy. The scene is drawn in common.bash.
# shellcheck disable=SC2046,SC2086 # fields are words

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash

scene
mute alice lan

# --- IPVS ---------------------------------------------------------------------------
# The gate's own address is a virtual service, and lan the real server.

virtual() {
	local f=$1 from=${ip[gate$1]} to=${ip[lan$1]}

	[ "$f" = 4 ] || from="[$from]" to="[$to]"
	must n gate ipvsadm -A -u "$from:5555" -s rr
	must n gate ipvsadm -a -u "$from:5555" -r "$to:5555" -m
}

must modprobe ip_vs
must modprobe ip_vs_rr
path v2l alice wg0 packet lan eth0
ask marker "v2l $(ends a2l 4) proto=tcp dport=4999 flags=S"
for f in 4 6; do
	virtual $f
	to="src=${ip[alice$f]} dst=${ip[gate$f]} proto=udp dport=5555"
	passes v2l "IPVS, IPv$f: not armed, the real server is reached" $to sport=6000
done
wall_up </dev/null
for f in 4 6; do
	to="src=${ip[alice$f]} dst=${ip[gate$f]} proto=udp dport=5555"
	stopped v2l "IPVS, IPv$f: no rule, no way to it" $to sport=6001
	wall_load <<<"allow ${ip[alice$f]} ${ip[gate$f]} udp/5555"
	passes v2l "IPVS, IPv$f: a rule for the virtual service" $to sport=6002
	wall_load </dev/null
	stopped v2l "IPVS, IPv$f: and without it again" $to sport=6003
done
must n gate ipvsadm -C
must wall disarm

# --- out of an IPsec policy -----------------------------------------------------------
# What lan sends to 203.0.113.0/24 or 2001:db8:9::/64 is to be encrypted, and to
# leave by lan0; the plain route leads into the tunnel. The new source is not the
# policy's.

conntrack_on
for f in 4 6; do
	far=203.0.113.0/24 near=${ip[lan4]}/32 nft=ip
	[ $f = 4 ] || far=2001:db8:9::/64 near=${ip[lan6]}/128 nft=ip6
	must ip -n gate route add "$far" dev wg0
	must ip -n gate xfrm state add src "${ip[gatelan$f]}" dst "${ip[lan$f]}" proto esp spi 0x$f \
		mode tunnel enc 'ecb(cipher_null)' '' auth digest_null ''
	must ip -n gate xfrm policy add dir out src "$near" dst "$far" \
		tmpl src "${ip[gatelan$f]}" dst "${ip[lan$f]}" proto esp mode tunnel
	must n gate nft -f - <<-NFT
		table $nft out {
			chain c {
				type nat hook postrouting priority 100;
				$nft saddr ${ip[lan$f]} $nft daddr $far snat to ${ip[gatelan$f]}
			}
		}
	NFT
done
must n gate wg set wg0 peer "${wg_public[alice/wg0]}" allowed-ips \
	10.0.0.1/32,fd00::1/128,203.0.113.0/24,2001:db8:9::/64
must ip -n lan route add 203.0.113.0/24 via 10.9.0.1
must ip -n lan route add 2001:db8:9::/64 via fd09::1
for f in 4 6; do
	to=203.0.113.9
	[ $f = 4 ] || to=2001:db8:9::9
	to="src=${ip[lan$f]} dst=$to proto=udp dport=7"
	passes l2a "IPsec, IPv$f: not armed, it leaves by the tunnel" $to sport=6100
done
wall_up </dev/null
for f in 4 6; do
	to=203.0.113.9
	[ $f = 4 ] || to=2001:db8:9::9
	stopped l2a "IPsec, IPv$f: no rule, no way out" \
		src="${ip[lan$f]}" dst=$to proto=udp dport=7 sport=6101
	wall_load <<<"allow ${ip[lan$f]} $to udp/7"
	passes l2a "IPsec, IPv$f: with a rule, it passes" \
		src="${ip[lan$f]}" dst=$to proto=udp dport=7 sport=6102
	wall_load </dev/null
done


# --- a flowtable ------------------------------------------------------------------------
# Its flows are not seen by FORWARD any more: what the tunnel brings is judged at
# its ingress, what it is to send at its egress. The counter tells that it works.

forwarded() { n gate nft list counter inet fast forwarded | awk '/packets/ { print $2 }'; }

must n gate nft -f - <<-'NFT'
	table inet fast {
		counter forwarded { }
		flowtable f {
			hook ingress priority 0
			devices = { wg0, lan0 }
		}
		chain c {
			type filter hook forward priority 0
			udp dport 7200 counter name forwarded flow add @f
			udp sport 7200 counter name forwarded flow add @f
		}
	}
NFT
for f in 4 6; do
	there="$(ends a2l $f) proto=udp sport=7100 dport=7200"
	back="src=${ip[lan$f]} dst=${ip[alice$f]} proto=udp sport=7200 dport=7100"
	wall_up <<<"allow ${ip[alice$f]} ${ip[lan$f]} udp/7200"
	passes a2l "flowtable, IPv$f: a flow" $there
	passes l2a "flowtable, IPv$f: its answer" $back
	passes a2l "flowtable, IPv$f: it is taken" $there
	before=$(forwarded)
	for i in 1 2 3; do
		passes a2l "flowtable, IPv$f: past FORWARD, there" $there
		passes l2a "flowtable, IPv$f: past FORWARD, and back" $back
	done
	is "$(forwarded)" "$before" "flowtable, IPv$f: FORWARD sees none of it"
	wall_load </dev/null
	stopped a2l "flowtable, IPv$f: it ends with its rule" $there
	stopped l2a "flowtable, IPv$f: its answers, too" $back
	wall_load <<<"allow ${ip[alice$f]} ${ip[lan$f]} udp/7200"
	passes a2l "flowtable, IPv$f: and goes on with it" $there
	must wall disarm
done
must n gate nft delete table inet fast

# --- the tunnel's own port ----------------------------------------------------------------
# Who is behind a NAT can choose the port that gate's WireGuard listens on.

for f in 4 6; do
	nft=ip$([ $f = 4 ] || echo 6)
	must n gate nft -f - <<-NFT
		table $nft shadow {
			chain c {
				type nat hook postrouting priority 100
				oifname lan0 masquerade
			}
		}
	NFT
	there="$(ends a2l $f) proto=udp dport=7300"
	capture_start shadow$f lan eth0 in "udp port 7300"
	send a2l $there sport=51820
	ok "NAT, IPv$f: not armed, the tunnel's port is given away" capture_seen shadow$f 1
	n gate conntrack -F >/dev/null 2>&1
	wall_up <<<"allow ${ip[alice$f]} ${ip[lan$f]} udp/7300"
	send a2l $there sport=51820
	send a2l $there sport=51821
	ok "NAT, IPv$f: another port may be had" capture_seen shadow$f 2
	is "$(capture_count shadow$f) $(denied shadow)" "2 $((f / 2 - 1))" \
		"NAT, IPv$f: that of the tunnel not"
	must wall disarm
	must n gate nft delete table $nft shadow
done

done_testing
