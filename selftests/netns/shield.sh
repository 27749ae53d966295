#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2154 # set by tap.sh
# timeout: 900
# merlon-shield in front of a real WireGuard: a flood of handshake messages with
# a valid first check (mac1) goes in at the far end of gate's wire, from one
# prefix and from thousands. Each flood reaches gate where there is no shield.
#
#	alice 198.51.100.1 2001:db8:a::1 --- net --- eth0 gate
#	bob   203.0.113.1  2001:db8:b::1 ---'  192.0.2.1 2001:db8::1
#
#	alice  wg0 10.0.0.1  fd00::1		has a session before the flood begins
#	bob    wg0 10.0.0.2  fd00::2		asks for one while it lasts
#	gate   wg0 10.0.0.254  fd00::fe		guarded
#	net    floods gate out of "gate", the other end of its wire
#
# The judges: a counter at gate's tc ingress, behind XDP and before everything
# else; WireGuard's cookie replies, seen by net; pings; WireGuard's handshakes.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
tools=$PWD/build/user/tools
shield=$PWD/build/user/merlon-shield
object=$PWD/build/user/bpf/userspace/bpf/shield.bpf.o

declare -A gate=([4]=192.0.2.1 [6]=2001:db8::1)
declare -A inner=([4]=10.0.0.254 [6]=fd00::fe)
declare -A one=([4]="src=100.64.7.0 sources=256 step=0" [6]="src=2001:db8:f:: sources=256 step=0")
declare -A many=([4]="src=100.64.0.0 step=8" [6]="src=2001:db9:: step=64")
# The first word behind the UDP header, and the flood's sources, as tcpdump says it.
declare -A first=([4]="udp[8:4]" [6]="ip6[48:4]")
declare -A from=([4]="src net 100.64.0.0/10" [6]="src net (2001:db9::/32 or 2001:db8:f::/48)")

# --- scene --------------------------------------------------------------------

# behind NS NET4 NET6: a place on the other side of net
behind() {
	veth_pair "$1" eth0 "$2.1/24 $3::1/64" net "$1" "$2.254/24 $3::fe/64"
	must ip -n "$1" route add default via "$2.254"
	must ip -n "$1" -6 route add default via "$3::fe"
}

# peer NS ADDRESSES
peer() {
	wg_dev "$1" wg0 "$2"
	must ip -n "$1" route add 10.0.0.0/24 dev wg0
	must ip -n "$1" -6 route add fd00::/64 dev wg0
}

scene() {
	ns_add alice bob gate net
	veth_pair gate eth0 "192.0.2.1/24 2001:db8::1/64" net gate "192.0.2.254/24 2001:db8::fe/64"
	must ip -n gate route add default via 192.0.2.254
	must ip -n gate -6 route add default via 2001:db8::fe
	behind alice 198.51.100 2001:db8:a
	behind bob 203.0.113 2001:db8:b
	ns_forward net
	# What gate answers to sources that nobody is ends here.
	must ip -n net route add blackhole default
	must ip -n net -6 route add blackhole default
	wg_dev gate wg0 "10.0.0.254/24 fd00::fe/64"
	key=${wg_public[gate/wg0]}
}

# on_gate COMMAND...: with /sys/fs/bpf, which ip netns hides
on_gate() { nsenter --net=/run/netns/gate "$@"; }
attach() { must on_gate "$shield" attach eth0 --port 51820 "$@"; }
shield_says() { on_gate "$shield" status "${2:-eth0}" --json | jq -r ".shields[0].$1"; }
xdp_programs() { ip -n gate -d link show dev eth0 | grep -c "prog/xdp"; }

# flood WORDS...: sends; sets $sent, and $took seconds, rounded up
flood() {
	local begin=$EPOCHREALTIME

	sent=$(n net "$tools/wgflood" gate "$@") || bail "wgflood $*"
	took=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000000 + 1))
}

# What was sent before it is not on its way any more.
marker() { n net "$tools/wgflood" gate src=192.0.2.254 dst=192.0.2.1 dport=9 bytes=1 >/dev/null; }
settle() {
	local before

	before=$(capture_count markers)
	must marker
	capture_seen markers $((before + 1)) || bail "gate gets nothing any more"
}

# count NAME: what it counted since it was asked last, when all is through; in $counted
declare -A counted_before
count() {
	local now

	settle
	now=$(capture_count "$1")
	counted=$((now - ${counted_before[$1]:-0}))
	counted_before[$1]=$now
}

# between NUMBER LEAST MOST DESCRIPTION
between() {
	if [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]; then
		pass "$4 ($1)"
	else
		fail "$4"
		diag "got $1, wanted $2 to $3"
	fi
}

# --- one packet at a time -------------------------------------------------------

# arrive DESCRIPTION COUNT FIRST-FIELDS MESSAGE...: messages to gate's port, of
# which so many get there
arrive() {
	local what=$1 wanted=$2 words=$3 f=4 message

	shift 3
	case $words in *:*) f=6 ;; esac
	words="dst=${gate[$f]} dport=51820 $words $1"
	for message in "${@:2}"; do
		words+=" and $message"
	done
	count "port$f"
	# shellcheck disable=SC2086
	flood $words
	is "$sent" $# "$what: sent"
	count "port$f"
	is "$counted" "$wanted" "$what"
}

bad=("type=1 bytes=147" "type=1 bytes=149" "type=2 bytes=91" "type=2 bytes=148"
	"type=3 bytes=63" "type=3 bytes=65" "type=4 bytes=31" "type=4 bytes=4"
	"type=5 bytes=148" "type=0x80000001 bytes=148" "type=0x00000104 bytes=32")
good=("type=4 bytes=32" "type=4 bytes=33" "type=4 bytes=1452" "type=2 bytes=92"
	"type=3 bytes=64" "type=1 bytes=148")

# messages WHEN SOURCE BAD-THAT-ARRIVE: what WireGuard never sends, and what it does
messages() {
	arrive "$1: what is no message of WireGuard's, from $2" "$3" "src=$2" "${bad[@]}"
	arrive "$1: what is one, from $2" ${#good[@]} "src=$2" "${good[@]}"
}

# fields WHEN BAD-THAT-ARRIVE: where the port is found, and where it is not looked for
fields() {
	arrive "$1: malformed behind IPv4 options" "$2" "src=100.64.9.1 opts=94040000" \
		"type=9 bytes=40"
	arrive "$1: sound behind IPv4 options" 1 "src=100.64.9.1 opts=94040000" "type=4 bytes=40"
	flood dst=192.0.2.1 dport=51820 src=100.64.9.1 type=9 bytes=40 more=1 fragid=7
	count fragments
	is "$counted" 1 "$1: a fragment passes"
	flood dst=2001:db8::1 dport=51820 src=2001:db9::1 type=9 bytes=40 ext=dst
	count extension
	is "$counted" 1 "$1: behind an IPv6 extension header it passes"
	flood dst=192.0.2.1 dport=51821 src=100.64.9.1 type=9 bytes=40 count=300
	count beside
	is "$counted" 300 "$1: the port beside is untouched"
}

# tagged WHEN BAD-THAT-ARRIVE: two tags, of which the device takes the outer one,
# the program the inner
tagged() {
	n net "$tools/wgflood" inner src=10.6.0.2 dst=10.6.0.1 dport=51820 type=9 bytes=40 count=20 \
		and type=4 bytes=48 count=5 >/dev/null
	capture_seen tagged $((${counted_before[tagged]:-0} + 5))
	count tagged
	is "$counted" $(($2 + 5)) "$1: malformed behind VLAN tags"
}

vlans() {
	local ns dev number=0

	for ns in gate net; do
		dev=eth0
		[ "$ns" = gate ] || dev=gate
		number=$((number + 1))
		must ip -n "$ns" link add link "$dev" name outer type vlan id 5
		must ip -n "$ns" link add link outer name inner type vlan id 6
		must ip -n "$ns" link set outer up
		must ip -n "$ns" link set inner up
		addr_add "$ns" inner "10.6.0.$number/24"
	done
	capture_start tagged gate inner in "udp dst port 51820"
}

# --- floods -------------------------------------------------------------------

# unshielded FAMILY: control: all of it reaches WireGuard, which feels it
unshielded() {
	local f=$1

	count "port$f"
	# shellcheck disable=SC2086
	flood ${one[$f]} dst="${gate[$f]}" dport=51820 key="$key" count=3000
	count "port$f"
	is "$counted" "$sent" "IPv$f no shield: a flood from one prefix reaches gate"
	# shellcheck disable=SC2086
	flood ${many[$f]} sources=3000 dst="${gate[$f]}" dport=51820 key="$key" count=3000
	count "port$f"
	is "$counted" "$sent" "IPv$f no shield: and one from 3000"
	ok "IPv$f no shield: WireGuard is under load, and sends cookies" capture_seen "cookies$f" 1 20
}

# shielded FAMILY
shielded() {
	local f=$1 cookies

	attach --rate 2 --burst 10 --new 20
	cookies=$(capture_count "cookies$f")
	count "port$f"
	# shellcheck disable=SC2086
	flood ${one[$f]} dst="${gate[$f]}" dport=51820 key="$key" count=3000
	count "port$f"
	between "$counted" 10 $((10 + took * 2 + 1)) "IPv$f from one prefix: the burst and the rate pass"
	is "$(shield_says passed)" "$counted" "IPv$f the shield says so too"
	is "$(shield_says limited)" $((sent - counted)) "IPv$f and what it dropped"
	# shellcheck disable=SC2086
	flood ${many[$f]} sources=3000 dst="${gate[$f]}" dport=51820 key="$key" count=3000
	count "port$f"
	between "$counted" 20 $((20 + took * 20 + 1)) "IPv$f from 3000: as many new ones as may be pass"
	is "$(shield_says postponed)" $((sent - counted)) "IPv$f the others are postponed"
	is "$(capture_count "cookies$f")" "$cookies" "IPv$f WireGuard was never under load"
}

# A tunnel in use, and a newcomer, while all of it goes on.
meanwhile() {
	local f=$1 peer pid lost

	attach --rate 2 --burst 10 --new 20
	# Peers that were made anew have no session.
	for peer in alice bob; do
		must n "$peer" wg set wg0 peer "$key" remove
		must n gate wg set wg0 peer "${wg_public[$peer/wg0]}" remove
		wg_peer "$peer" wg0 gate wg0 10.0.0.254/32,fd00::fe/128 "${gate[$f]}"
	done
	wg_peer gate wg0 alice wg0 10.0.0.1/32,fd00::1/128
	wg_peer gate wg0 bob wg0 10.0.0.2/32,fd00::2/128
	ok "IPv$f alice has a session" n alice ping -qc1 -W20 "${inner[$f]}"
	# shellcheck disable=SC2086
	ip netns exec net "$tools/wgflood" gate ${many[$f]} sources=100000 dst="${gate[$f]}" dport=51820 \
		key="$key" count=200000 rate=800 >"$tap_dir/flood" &
	pid=$!
	at_exit kill "$pid"
	ok "IPv$f the flood is on" wait_for 60 eval "[ \$(shield_says postponed) -gt 200 ]" ||
		diag "$(on_gate "$shield" status)"
	is "$(handshake bob)" 0 "IPv$f bob has no session"
	n alice ping -qc20 -i0.2 -W10 "${inner[$f]}" >"$tap_dir/ping"
	lost=$(sed -nE 's/.* ([0-9]+)% packet loss.*/\1/p' "$tap_dir/ping")
	is "$lost" 0 "IPv$f alice's session loses nothing"
	ok "IPv$f nor a packet of the tunnel's whole MTU" \
		n alice ping -qc3 -W10 -M "do" -s $((f == 4 ? 1392 : 1372)) "${inner[$f]}"
	ok "IPv$f bob, never seen, gets a session" wait_for 40 n bob ping -qc1 -W3 "${inner[$f]}"
	ok "IPv$f which gate has too" eval "[ $(handshake bob) -gt 0 ]"
	ok "IPv$f the flood is still on" kill -0 "$pid"
	kill "$pid"
	wait "$pid"
	between "$(cat "$tap_dir/flood")" 1000 200000 "IPv$f of so many messages"
}

# handshake NS: when gate last had one with it; 0: never
handshake() { n gate wg show wg0 latest-handshakes | awk -v k="${wg_public[$1/wg0]}" '$1 == k { print $2 }'; }

scene
peer alice "10.0.0.1/32 fd00::1/128"
peer bob "10.0.0.2/32 fd00::2/128"
wg_peer alice wg0 gate wg0 10.0.0.254/32,fd00::fe/128 192.0.2.1
wg_peer gate wg0 alice wg0 10.0.0.1/32,fd00::1/128
capture_start markers gate eth0 in "udp dst port 9"
for f in 4 6; do
	capture_start "port$f" gate eth0 in "udp dst port 51820 and ${from[$f]}"
	capture_start "cookies$f" net gate in "udp src port 51820 and ${first[$f]} = 0x03000000"
done
capture_start fragments gate eth0 in "ip[6:2] & 0x2000 != 0"
capture_start extension gate eth0 in "ip6[6] = 60"
capture_start beside gate eth0 in "udp dst port 51821"
vlans
ok "alice reaches gate through the tunnel" n alice ping -qc1 -W10 10.0.0.254
exits 1 "no shield is there" on_gate "$shield" status

# --- without ------------------------------------------------------------------
messages before 100.64.1.1 ${#bad[@]}
fields before 1
tagged before 20
for f in 4 6; do unshielded $f; done

# --- with ---------------------------------------------------------------------
ok "it attaches" on_gate "$shield" attach eth0 --port 51820
is "$(shield_says mode)" native "in the driver"
messages with 100.64.1.1 0
messages with 2001:db9::1 0
is "$(shield_says malformed)" $((2 * ${#bad[@]})) "counted as malformed"
fields with 0
tagged with 0
for f in 4 6; do shielded $f; done
for f in 4 6; do meanwhile $f; done

# --- memory -------------------------------------------------------------------
pins=$(echo /sys/fs/bpf/merlon-shield/*-*)
attach --sources 1024 --new 1000000
flood src=100.64.0.0 step=8 sources=4000 dst=192.0.2.1 dport=51820 key="$key" count=4000
settle
between "$(bpftool -j map dump pinned "$pins/sources" | jq length)" 500 1024 \
	"of 4000 sources no more are remembered than were asked for"
attach
between "$(bpftool -j map show pinned "$pins/sources" | jq .bytes_memlock)" 1 6553600 \
	"the default takes 100 bytes a source at the most"

# --- replacing ------------------------------------------------------------------
is "$(xdp_programs)" 1 "after all of that, one program is there"
attach --address 192.0.2.9
is "$(shield_says 'addresses[0]')" 192.0.2.9 "another shield takes its place"
count port4
flood src=100.64.1.1 dst=192.0.2.1 dport=51820 type=9 bytes=40 count=50
count port4
is "$counted" 50 "what goes to another address than the named one passes"
attach --address 192.0.2.1
flood src=100.64.1.1 dst=192.0.2.1 dport=51820 type=9 bytes=40 count=50
count port4
is "$counted" 0 "and what goes to the named one does not"
exits 2 "a second XDP program is refused" \
	ip -n gate link set eth0 xdpgeneric object "$object" section xdp.frags
exits 2 "a port is wanted" on_gate "$shield" attach eth0
exits 2 "and a device that is there" on_gate "$shield" attach eth9 --port 51820
exits 2 "and one of Ethernet" on_gate "$shield" attach wg0 --port 51820

# --- detaching ------------------------------------------------------------------
ok "it detaches" on_gate "$shield" detach eth0
is "$(xdp_programs)" 0 "no program is left"
not_ok "nor a pin" test -e "$pins"
exits 1 "nor anything to detach" on_gate "$shield" detach eth0
for f in 4 6; do
	count "port$f"
	# shellcheck disable=SC2086
	flood ${many[$f]} sources=500 dst="${gate[$f]}" dport=51820 key="$key" count=500
	count "port$f"
	is "$counted" 500 "IPv$f without the shield the flood reaches gate again"
done

# --- another's program, and a device without ------------------------------------
must ip -n gate link set eth0 xdp object "$object" section xdp.frags
exits 2 "where another program is, the shield does not go" \
	on_gate "$shield" attach eth0 --port 51820
must ip -n gate link set eth0 xdp off
must ip -n gate link add link eth0 name vlan7 type vlan id 7
must ip -n net link add link gate name vlan7 type vlan id 7
must ip -n gate link set vlan7 up
must ip -n net link set vlan7 up
addr_add gate vlan7 192.168.7.1/24
# On 6.12 tc sees such a device's packets shifted behind generic XDP; IP does not.
must n gate nft -f - <<-'NFT'
	table ip generic {
		counter hits { }
		chain c {
			type filter hook prerouting priority 0;
			iifname vlan7 udp dport 51820 counter name hits
		}
	}
NFT
hits() { n gate nft list counter ip generic hits | awk '/packets/ { print $2 }'; }
by_vlan() { n net "$tools/wgflood" vlan7 src=192.168.7.2 dst=192.168.7.1 dport=51820 "$@" >/dev/null; }
hit() { wait_for 5 eval "[ \"\$(hits)\" -ge $1 ]"; }
by_vlan type=9 bytes=40
ok "malformed reaches a device without a shield" hit 1
ok "where the driver has no XDP" on_gate "$shield" attach vlan7 --port 51820
is "$(shield_says mode vlan7)" generic "the stack does it"
by_vlan type=9 bytes=40 and type=4 bytes=40
ok "what is sound still reaches it" hit 2
is "$(hits)" 2 "and malformed does not"
must ip -n gate link del vlan7
exits 1 "with its device the shield goes" on_gate "$shield" status
is "$(ls /sys/fs/bpf/merlon-shield)" "" "and its pins"

done_testing
