#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Scope everything: nothing leaves node but by its tunnel, whatever road it
# takes; and what the tunnel and the links need passes.
#
#	inner ---- veth ---- node ---- eth0/eth0 ---- far
#	                      "======= wg0/wg0 ======="
#
#	node  192.0.2.1 2001:db8::1   eth0;  10.7.0.1 fd07::1  wg0;  172.16.0.1  veth
#	far   192.0.2.2 2001:db8::2   eth0;  10.7.0.2 fd07::2  wg0
#	inner 172.16.0.2, a container of node's
#
# Captures at far's eth0. Each road has a port of its own; what is counted there
# before a last packet, sent when all is disarmed again, has left.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
tools=$PWD/build/user/tools
wall() { "$tools/wall" -n node "$@"; }

must modprobe merlon
ns_add node far inner child
veth_pair node eth0 "192.0.2.1/24 2001:db8::1/64" far eth0 "192.0.2.2/24 2001:db8::2/64"
veth_pair inner eth0 172.16.0.2/24 node veth 172.16.0.1/24
wg_pair node wg0 "10.7.0.1/24 fd07::1/64" 192.0.2.1 far wg0 "10.7.0.2/24 fd07::2/64" 192.0.2.2
must ip -n inner route add default via 172.16.0.1
must ip -n far route add 172.16.0.0/24 via 192.0.2.1
ns_forward node
must ip -n node link add link eth0 name mac0 type macvlan mode bridge
must ip -n node link set mac0 netns child
addr_add child mac0 192.0.2.3/24
must ip -n child link set mac0 up

# --- roads --------------------------------------------------------------------

declare -A road=(
	[udp4]=7001 [udp6]=7002 [packet4]=7003 [packet6]=7004 [macvlan]=7005
	[forwarded]=7006 [bound]=7007 [later]=7008
)

datagram() { n "$1" bash -c "echo leak >/dev/udp/$2/$3" 2>&1; }

send_all() {
	datagram node 192.0.2.2 7001
	datagram node 2001:db8::2 7002
	n node "$tools/sendpkt" eth0 src=192.0.2.1 dst=192.0.2.2 proto=udp sport=1 dport=7003
	n node "$tools/sendpkt" eth0 src=2001:db8::1 dst=2001:db8::2 proto=udp sport=1 dport=7004
	datagram child 192.0.2.2 7005
	datagram inner 192.0.2.2 7006
	n node "$tools/sendpkt" raw eth0 src=192.0.2.1 dst=192.0.2.2 proto=udp sport=1 dport=7007
	n node "$tools/sendpkt" late0 src=192.0.2.1 dst=192.0.2.2 proto=udp sport=1 dport=7008
} >/dev/null 2>&1

# late_device: one more wire to far, made now
late_device() {
	ip -n node link del late0 2>/dev/null
	must ip -n node link add late0 type veth peer name late0 netns far
	must ip -n far link set late0 up
	must ip -n node link set late0 up
	capture_start later far late0 in "udp port 7008"
}

for r in "${!road[@]}"; do
	[ "$r" = later ] || capture_start "$r" far eth0 in "udp port ${road[$r]}"
done
capture_start last far eth0 in "udp port 7999"

# All that was sent before has been counted when this arrives.
settle() {
	local before

	before=$(capture_count last)
	datagram node 192.0.2.2 7999
	capture_seen last $((before + 1)) || bail "the last packet does not arrive"
}

declare -A seen
counts() { for r in "${!road[@]}"; do seen[$r]=$(capture_count "$r"); done; }

late_device
send_all
settle
counts
for r in "${!road[@]}"; do
	ok "not armed: $r leaves" [ "${seen[$r]}" -ge 1 ]
done

# --- lockdown -------------------------------------------------------------------

must wall arm enforcing everything
is "$(wall state)" lockdown "armed, no generation: lockdown"
late_device
like "$(datagram node 192.0.2.2 7001)" "Operation not permitted" "the sender is told at once"
for i in 1 2 3; do send_all; done
off=$(wall denied off-tunnel) bypass=$(wall denied bypass)
before=$(declare -p seen)
must wall disarm
settle
eval "$before"
declare -A before_it
for r in "${!road[@]}"; do before_it[$r]=${seen[$r]}; done
before_it[later]=0
counts
for r in "${!road[@]}"; do
	is "${seen[$r]}" "${before_it[$r]}" "lockdown: $r does not leave"
done
ok "counted as off-tunnel" [ "$off" -ge 10 ]
ok "counted as bypass" [ "$bypass" -ge 10 ]

# --- what links and tunnels need ---------------------------------------------------

capture_start arp far eth0 in "arp"
capture_start ns far eth0 in "icmp6 and ip6[40] == 135"
capture_start outer far eth0 in "udp port 51820"
capture_start dhcp far eth0 in "udp src port 68 and udp dst port 67"
capture_start inside far wg0 in "icmp or icmp6"
wall_load() { wall load >"$tap_dir/load" 2>&1 || bail "load: $(cat "$tap_dir/load")"; }

must wall arm enforcing everything
wall_load <<<$'tunnel wg0\nallow * * *'
is "$(wall state)" enforcing "a generation: enforcing"
must ip -n node neigh flush dev eth0
ok "the tunnel works" n node ping -qc1 -W10 10.7.0.2
ok "in IPv6, too" n node ping -qc1 -W10 fd07::2
ok "outer packets are seen" capture_seen outer 2
ok "ARP for the peer's address" capture_seen arp 1
ok "inside" capture_seen inside 2
must n node wg set wg0 peer "${wg_public[far/wg0]}" endpoint "[2001:db8::2]:51820"
must ip -n node neigh flush dev eth0
ok "the tunnel over IPv6" n node ping -qc1 -W10 10.7.0.2
ok "NDP for the peer's address" capture_seen ns 1
n node timeout 20 busybox udhcpc -fnq -t1 -T1 -i eth0 -s /bin/true >/dev/null 2>&1
ok "a DHCP client's packet" capture_seen dhcp 1
not_ok "but no ping outside of it" n node ping -qc1 -W1 192.0.2.2

# --- what the tunnel brings, for who is behind ----------------------------------------

addr_add inner eth0 fd16::2/64
addr_add node veth fd16::1/64
must ip -n inner route add default via fd16::1
must n far wg set wg0 peer "${wg_public[node/wg0]}" \
	allowed-ips 10.7.0.1/32,fd07::1/128,172.16.0.0/24,fd16::/64
must ip -n far route replace 172.16.0.0/24 dev wg0
must ip -n far route add fd16::/64 dev wg0
ok "a peer reaches who is behind, by another device" n far ping -qc1 -W10 172.16.0.2
ok "in IPv6, too" n far ping -qc1 -W10 fd16::2
must ip -n far route replace 172.16.0.0/24 via 192.0.2.1

# --- into the tunnel, past the hooks of IP --------------------------------------------

capture_start into far wg0 in "udp port 7100"
into() { n node "$tools/sendpkt" wg0 src=10.7.0.1 dst=10.7.0.2 proto=udp sport=1 dport=7100; }
into
ok "a packet socket into the tunnel, allowed" capture_seen into 1
wall_load <<<$'tunnel wg0\nallow * * icmp/8,udp/7101'
into >/dev/null 2>&1
n node "$tools/sendpkt" wg0 src=10.7.0.1 dst=10.7.0.2 proto=udp sport=1 dport=7101
ok "the road is open" n node ping -qc1 -W10 10.7.0.2
is "$(capture_count into)" 1 "a packet socket into the tunnel, not allowed"
must wall arm enforcing tunnels
into >/dev/null 2>&1
ok "scope tunnels: the road is open" n node ping -qc1 -W10 10.7.0.2
is "$(capture_count into)" 1 "scope tunnels: the same"
counts
send_all
settle
for r in udp4 packet4 macvlan forwarded; do
	is "$(capture_count $r)" $((seen[$r] + 1)) "scope tunnels: $r is left alone"
done

# --- what the policy lets leave, and what not ----------------------------------------------

must wall arm enforcing everything
capture_start dns far eth0 in "udp port 53"
capture_start dnswg far wg0 in "udp port 53"
far4=192.0.2.2/32 far6=2001:db8::2/128
guard() { wall_load <<<$'tunnel wg0\nallow * * *\n'"$1"; }
as_user() { n node setpriv --reuid "$1" --clear-groups bash -c "echo x >/dev/udp/$2/$3" 2>&1; }
# ip netns exec has a /sys of its own, without control groups.
in_group() { nsenter --net=/run/netns/node bash -c "echo \$\$ >/sys/fs/cgroup/$1/cgroup.procs; echo x >/dev/udp/$2/$3" 2>&1; }
refused="Operation not permitted"

guard "guard allow * $far4,$far6 udp/7001-7004"
is "$(datagram node 192.0.2.2 7001)" "" "an allowance, IPv4"
is "$(datagram node 2001:db8::2 7002)" "" "IPv6"
like "$(datagram node 192.0.2.2 7009)" "$refused" "another port is not meant"
like "$(datagram node 192.0.2.3 7001)" "$refused" "nor another address"
counts
send_all
is "$(wall hits "guard allow * $far4,$far6 udp/7001-7004")" 6 "counted: by IP and past it"
guard "guard device eth0
guard device veth
guard allow 0.1.0.0/16 $far4 udp/7001"
is "$(datagram node 192.0.2.2 7001)" "" "by device"
guard "guard device eth0
guard device veth
guard allow 0.2.0.0/16 $far4 udp/7001"
like "$(datagram node 192.0.2.2 7001)" "$refused" "by another device"
must ip -n node link set veth down
must ip -n node link set eth0 down
must ip -n node link set eth0 name eth9
must ip -n node link set veth name eth0
must ip -n node link set eth9 name veth
must ip -n node link set veth up
is "$(datagram node 192.0.2.2 7001)" "" "by a device that has got the name"
must ip -n node link set veth down
must ip -n node link set veth name eth9
must ip -n node link set eth0 name veth
must ip -n node link set eth9 name eth0
must ip -n node link set eth0 up
must ip -n node link set veth up
addr_add node eth0 2001:db8::1/64
guard "guard user 33
guard user 4711
guard allow 0.0.2.0/24 $far4 udp/7001"
is "$(as_user 4711 192.0.2.2 7001)" "" "by user"
like "$(as_user 33 192.0.2.2 7001)" "$refused" "by another user"
like "$(as_user 0 192.0.2.2 7001)" "$refused" "by none that is named"
must mkdir -p /sys/fs/cgroup/ours/below /sys/fs/cgroup/ours-not
guard "guard cgroup /ours
guard allow 0.0.0.1/32 $far4 udp/7001"
is "$(in_group ours 192.0.2.2 7001)" "" "by control group"
is "$(in_group ours/below 192.0.2.2 7001)" "" "by one below it"
is "$(in_group ours/below 192.0.2.2 7001)" "" "and once more"
like "$(in_group ours-not 192.0.2.2 7001)" "$refused" "one whose name begins like it"
rmdir /sys/fs/cgroup/ours/below /sys/fs/cgroup/ours
must mkdir /sys/fs/cgroup/ours
is "$(in_group ours 192.0.2.2 7001)" "" "it has gone and come again"
serve node tcp 192.0.2.1 22
not_ok "from outside, not allowed" reach far tcp 192.0.2.1 22 2
guard "guard allow 1.0.0.0/8 $far4 tcp/22"
ok "from outside, allowed" reach far tcp 192.0.2.1 22 5
must n node nft -f - <<<'table inet t { chain c { type filter hook prerouting priority 0; ct state new counter; }; }'
ok "and where conntrack runs" reach far tcp 192.0.2.1 22 5
must n node sysctl -qw net.ipv4.tcp_syn_retries=1	# not for two minutes
like "$(n node bash -c 'echo >/dev/tcp/192.0.2.2/22' 2>&1)" "not permitted|timed out" \
	"which opens no way out"
must n node nft flush ruleset
is "$(datagram node 10.7.0.2 53)" "" "a name is asked for by the tunnel"
guard "guard drop * * udp/53"
before=$(capture_count dnswg)
like "$(datagram node 10.7.0.2 53)" "$refused" "the DNS guard, by the tunnel"
like "$(datagram node 192.0.2.2 53)" "$refused" "by another device"
is "$(datagram node 10.7.0.2 7)" "" "what is not DNS leaves by the tunnel"
guard "guard drop * 0.0.0.0/1,128.0.0.0/1 udp/53
guard allow * 10.7.0.2/32 udp/53"
like "$(datagram node 10.7.0.2 53)" "$refused" "a deny wins"
guard "guard drop * 0.0.0.0/5,8.0.0.0/7,11.0.0.0/8,12.0.0.0/6,16.0.0.0/4,32.0.0.0/3,64.0.0.0/2,128.0.0.0/1 udp/53"
is "$(datagram node 10.7.0.2 53)" "" "a resolver that is cut out of it"
must wall arm enforcing tunnels
is "$(datagram node 192.0.2.2 53)" "" "scope tunnels: not by a tunnel, not judged"
guard "guard drop * * udp/53"
like "$(datagram node 10.7.0.2 53)" "$refused" "scope tunnels: the DNS guard, by the tunnel"
is "$(capture_count dnswg) $(capture_count dns)" "$((before + 1)) 1" "seen outside: what was to be"
ok "denials of the guard are counted" [ "$(wall denied guard)" -ge 4 ]

# --- what no hook can hold --------------------------------------------------------------

must wall arm enforcing everything
for m in pktgen netconsole; do
	not_ok "$m is not loaded while armed" modprobe "$m"
done
must wall arm enforcing tunnels
ok "in scope tunnels it may be" modprobe pktgen
must wall arm enforcing everything
# Among others: the captures are filters of tc's, in whatever namespace.
holes=$(n node "$tools/nltool" status | sed -n 's/^HOLES=//p')
is $((holes & 1)) 1 "what was there before is told"
like "$(n node build/user/merlon status --json | jq -c .holes)" '"pktgen"' "merlon status names it"
must wall disarm
must modprobe -r pktgen

# --- devices that come and go ----------------------------------------------------------

must wall arm enforcing everything
must ip netns add other
at_exit ns_del other
must ip -n node link set late0 netns other
must ip -n other link set late0 up
moved=$(capture_count later)
n other "$tools/sendpkt" late0 src=192.0.2.1 dst=192.0.2.2 proto=udp sport=1 dport=7008 2>/dev/null
must ip -n other link set late0 netns node
must ip -n node link set late0 name late1
must ip -n node link set late1 up
n node "$tools/sendpkt" late1 src=192.0.2.1 dst=192.0.2.2 proto=udp sport=1 dport=7008 2>/dev/null
must wall disarm
n node "$tools/sendpkt" late1 src=192.0.2.1 dst=192.0.2.2 proto=udp sport=1 dport=7008
ok "moved out, moved in, renamed: guarded until it is disarmed" \
	capture_seen later $((moved + 1))
is "$(capture_count later)" $((moved + 1)) "and nothing else has left"

done_testing
