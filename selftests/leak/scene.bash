# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # for those who source this, and from tap.sh
# Where the rows of the leak bench play. Sourced by row.bash.
#
#	  node                         far                              peer
#	(guarded)             (router, the judge's wire)           (end of the tunnel)
#
#	eth0 192.0.2.1 -------- eth0 192.0.2.254
#	     2001:db8:1::1           2001:db8:1::fe
#	                             203.0.113.9  1.1.1.1
#	                             2001:db8:9::9  2606:4700:4700::1111
#	                        eth1 198.51.100.254 -------- eth0 198.51.100.1
#	                             2001:db8:2::fe               2001:db8:2::1
#	wg0  10.0.0.1 ============================================ wg0 10.0.0.254
#	     fd00::1                                                   fd00::fe
#
# Routes are those of wg-quick with AllowedIPs = 0.0.0.0/0, ::/0: everything but
# the local network goes by wg0, unless it has WireGuard's mark. What rows add:
#
#	container	inner 10.1.0.2, fd01::2 ---- node in0 10.1.0.1, fd01::1
#	exit_node	what peer sends to far goes through node, by the tunnel
#	second_wire	node eth1 ---- far eth2, watched as wire2
#	cards		node nic0 ---- far nic0, watched as nic: the guest's virtio
#			cards (selftests/vm/run --nics), for what wants a driver

card_mac=02:00:00:00:0a:0
declare -A at=(
	[node4]=192.0.2.1 [node6]=2001:db8:1::1
	[gw4]=192.0.2.254 [gw6]=2001:db8:1::fe
	[out4]=203.0.113.9 [out6]=2001:db8:9::9
	[doh4]=1.1.1.1 [doh6]=2606:4700:4700::1111
	[end4]=198.51.100.1 [end6]=2001:db8:2::1
	[tun4]=10.0.0.1 [tun6]=fd00::1
	[tunpeer4]=10.0.0.254 [tunpeer6]=fd00::fe
	[inner4]=10.1.0.2 [inner6]=fd01::2
	[second4]=192.0.4.254 [second6]=2001:db8:4::fe
)
node_mac=02:00:00:00:00:01
far_mac=02:00:00:00:00:fe
wg_mark=51820

scene() {
	must modprobe merlon
	ns_add node far peer
	must n far sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.conf.all.send_redirects=0
	# ORDER: no limit on what the kernel itself answers; rows count it.
	must n node sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 \
		net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=10000
	scene_wires
	scene_tunnel
	must wait_for 10 n node ping -nqc1 -W1 "${at[gw4]}"
	must wait_for 10 n node ping -nqc1 -W1 "${at[gw6]}"
	coproc WATCH { exec "$tools/leakwatch"; }
	disown "$WATCH_PID"
	watch open wire far eth0
	watch open tunnel peer wg0
}

batch() { must ip -n "$1" -batch -; }

scene_wires() {
	batch node <<-IP
		link add eth0 address $node_mac type veth peer name eth0 address $far_mac netns far
		addr add ${at[node4]}/24 dev eth0
		addr add ${at[node6]}/64 dev eth0 nodad
		link set eth0 up
	IP
	batch far <<-IP
		link add eth1 type veth peer name eth0 netns peer
		addr add ${at[gw4]}/24 dev eth0
		addr add ${at[gw6]}/64 dev eth0 nodad
		addr add ${at[out4]}/32 dev eth0
		addr add ${at[out6]}/128 dev eth0 nodad
		addr add ${at[doh4]}/32 dev eth0
		addr add ${at[doh6]}/128 dev eth0 nodad
		addr add 198.51.100.254/24 dev eth1
		addr add 2001:db8:2::fe/64 dev eth1 nodad
		link set eth0 up
		link set eth1 up
	IP
	batch peer <<-IP
		addr add ${at[end4]}/24 dev eth0
		addr add ${at[end6]}/64 dev eth0 nodad
		link set eth0 up
		route add default via 198.51.100.254
		route add default via 2001:db8:2::fe
	IP
}

# Keys of this bench alone: they guard nothing.
node_private=4CGSxJSM7hWQtZTvHw0WCYnLdKykG1bE0uPLmJ3Pb0k=
peer_private=sLq0nHJpk7mbYhMMzWbTqYvQy7EkyAAFbqSrm3H0nlU=

# The node's wire down and up again, and what went with it.
wire_anew() {
	batch node <<-IP
		link set eth0 down
		link set eth0 up
		addr replace ${at[node6]}/64 dev eth0 nodad
		route replace default via ${at[gw4]} dev eth0
		route replace default via ${at[gw6]} dev eth0
	IP
}

tunnel_routes() {
	batch node <<-IP
		route replace 0.0.0.0/0 dev wg0 table $wg_mark
		route replace ::/0 dev wg0 table $wg_mark
	IP
}

# The node's tunnel up again, with what went when it was down.
tunnel_up() {
	batch node <<-IP
		link set wg0 up
		addr replace ${at[tun6]}/64 dev wg0 nodad
	IP
	tunnel_routes
}

scene_tunnel() {
	node_public=$(wg pubkey <<<"$node_private")
	peer_public=$(wg pubkey <<<"$peer_private")
	wg_make peer "${at[tunpeer4]}/24" "${at[tunpeer6]}/64" <<<"$peer_private"
	must n peer wg set wg0 peer "$node_public" \
		allowed-ips "${at[tun4]}/32,${at[tun6]}/128"
	scene_node_tunnel
}

# The node's half, for rows that delete it and make it anew.
scene_node_tunnel() {
	wg_make node "${at[tun4]}/24" "${at[tun6]}/64" <<<"$node_private"
	must n node wg set wg0 fwmark $wg_mark
	peer_set 4
	scene_routes 4
	scene_routes 6
}

scene_routes() {
	must ip "-$1" -n node -batch - <<-IP
		route replace default via ${at[gw$1]} dev eth0
		route replace default dev wg0 table $wg_mark
		rule add not fwmark $wg_mark table $wg_mark
		rule add table main suppress_prefixlength 0
	IP
}

# wg_make NS ADDRESS4 ADDRESS6 <PRIVATE
wg_make() {
	must ip -n "$1" link add wg0 type wireguard
	n "$1" wg set wg0 listen-port 51820 private-key /dev/stdin || bail "no key"
	batch "$1" <<-IP
		addr add $2 dev wg0
		addr add $3 dev wg0 nodad
		link set wg0 up
	IP
}

# peer_set FAMILY [MORE...]: the node's peer, by that family
peer_set() {
	local to=${at[end$1]}

	[ "$1" = 4 ] || to="[$to]"
	must n node wg set wg0 peer "$peer_public" endpoint "$to:51820" \
		allowed-ips 0.0.0.0/0,::/0 "${@:2}"
}

peer_forget() { must n node wg set wg0 peer "$peer_public" remove; }

# --- what rows add ----------------------------------------------------------------

# A container behind node, as a bridge of Docker's would have it, and what it is
# called in far.
container() {
	ns_add inner
	must n node sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	batch node <<-IP
		link add in0 type veth peer name eth0 netns inner
		addr add 10.1.0.1/24 dev in0
		addr add fd01::1/64 dev in0 nodad
		link set in0 up
	IP
	batch inner <<-IP
		addr add ${at[inner4]}/24 dev eth0
		addr add ${at[inner6]}/64 dev eth0 nodad
		link set eth0 up
		route add default via 10.1.0.1
		route add default via fd01::1
	IP
	batch far <<-IP
		route add 10.1.0.0/24 via ${at[node4]}
		route add fd01::/64 via ${at[node6]}
	IP
}

# stub NAME [NS]: a device in node, and its other end of the same name in inner
stub() {
	[ -e /run/netns/inner ] || ns_add inner
	batch node <<-IP
		link add $1 type veth peer name $1 netns inner
		link set $1 up
	IP
	must ip -n inner link set "$1" up
}

# A second way to far, for what eth0 can be only once.
second_wire() {
	batch node <<-IP
		link add eth1 type veth peer name eth2 netns far
		link set eth1 up
	IP
	batch far <<-IP
		addr add ${at[second4]}/24 dev eth2
		addr add ${at[second6]}/64 dev eth2 nodad
		link set eth2 up
	IP
	watch open wire2 far eth2
}

# The cards are the first namespace's, and go back there when theirs is gone.
cards() {
	must modprobe virtio_net
	must wait_for 10 card_to node 0
	must wait_for 10 card_to far 1
	batch node <<-IP
		addr add 192.0.6.1/24 dev nic0
		addr add 2001:db8:6::1/64 dev nic0 nodad
		link set nic0 up
	IP
	batch far <<-IP
		addr add 192.0.6.254/24 dev nic0
		addr add 2001:db8:6::fe/64 dev nic0 nodad
		link set nic0 up promisc on
	IP
	watch open nic far nic0
}

# card_to NS 0|1
card_to() {
	local name

	name=$(ip -o link | sed -n "s/^[0-9]*: \([^:]*\): .*$card_mac$2 .*/\1/p")
	[ -n "$name" ] && ip link set "$name" down && ip link set "$name" netns "$1" name nic0
}

# Node is an exit for peer, which reaches the gateway's address through it.
exit_node() {
	local f

	must n node sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	must n peer wg set wg0 peer "$node_public" endpoint "${at[node4]}:51820" \
		allowed-ips 0.0.0.0/0,::/0
	for f in 4 6; do
		must ip -n peer route add "${at[gw$f]}" dev wg0
	done
}

# exit_arm <RULES: with a policy (selftests/tools/wall.c), scope tunnels
exit_arm() {
	"$tools/wall" -n node load && "$tools/wall" -n node arm enforcing tunnels
}
