#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1500
# merlond makes the tunnel itself, as signed bundles say: three nodes, nothing but
# their wires, keys and bundles; real WireGuard comes up. Then what changes.
#
#	alice 10.0.0.1 fd00::1 ==.
#	bob   10.0.0.2 fd00::2 ==+== the mesh, wg0; alice may ping bob, and gate's LAN
#	gate  10.0.0.3 fd00::3 ==+      behind gate: 10.9.0.1
#	carol 10.0.0.4 fd00::4 ==´      joins later
#	      192.0.2.1 to .4 ---- hub, which answers ARP for all of them
#	                            ^ judge: what comes out of the tunnels of others

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/merlond.bash"
merlon=${MERLON:-$PWD/build/user/merlon}
export NO_COLOR=1
nodes=(alice bob gate carol)
declare -A pids=() key=() number=([alice]=1 [bob]=2 [gate]=3 [carol]=4)

# at NODE: merlond.bash's functions are about that one from now on
at() {
	[ -z "$md_ns" ] || pids[$md_ns]=$md_pid
	md_ns=$1 md_dir=$tap_dir/$1 md_log=$tap_dir/$1/log md_pid=${pids[$1]:-}
	md_options=(--trust "$md_dir/trust.json" --state-dir "$md_dir/state"
		--inbox "$md_dir/inbox" --socket "$md_dir/socket" --verbose
		--tunnel "$md_dir/key")
}

end_all() {
	local node

	for node in "${nodes[@]}"; do
		at "$node"
		md_kill
	done
}

# --- the policy -------------------------------------------------------------

# node_json NAME [MORE]: an entry of its section "nodes"
node_json() {
	local i=${number[$1]}

	echo "\"$1\": {\"addresses\": [\"10.0.0.$i\", \"fd00::$i\"],
		\"publicKey\": \"${key[$1]}\", \"endpoint\": \"192.0.2.$i:51820\"${2:-}},"
}

# sign SERIAL: the policy on standard input, for all of its nodes
sign() {
	cat >"$tap_dir/policy.hujson"
	must "$merlon" policy sign "$tap_dir/policy.hujson" --key "$tap_dir/policy.key" \
		--network mesh --serial "$1" -o "$tap_dir/bundles-$1" --lifetime 1d
}

# take NODE SERIAL: the code of merlond's answer
take() {
	at "$1"
	apply_code "$tap_dir/bundles-$2/$1.bundle"
}

make_node() {
	local i=${number[$1]}

	ns_add "$1"
	must ip link add eth0 netns "$1" type veth peer name "to-$1" netns hub
	must ip -n hub link set "to-$1" up
	must n hub sysctl -qw "net.ipv4.conf.to-$1.proxy_arp=1" \
		"net.ipv4.neigh.to-$1.proxy_delay=0"
	must ip -n hub route add "192.0.2.$i/32" dev "to-$1"
	addr_add "$1" eth0 "192.0.2.$i/24"
	must ip -n "$1" link set eth0 up
	at "$1"
	must mkdir -p "$md_dir"
	(umask 077 && wg genkey >"$md_dir/key")
	key[$1]=$(wg pubkey <"$md_dir/key")
	must "$merlon" trust init --network mesh --node "$1" --trust "$md_dir/trust.json" \
		--key "$tap_dir/policy.key"
}

# --- what the kernel says ---------------------------------------------------

w() { n "$md_ns" wg show "${device:-wg0}" "$@"; }
# The allowed IPs of a node's key, sorted; "": it is no peer
allowed() {
	w allowed-ips | awk -v key="${key[$1]}" '$1 == key { $1 = ""; print }' | tr ' ' '\n' |
		sort | xargs
}
endpoint_of() { w endpoints | awk -v key="${key[$1]}" '$1 == key { print $2 }'; }
# All peers, with endpoint and allowed IPs
wires() {
	local peer endpoint list

	w dump | tail -n +2 | while read -r peer _ endpoint list _; do
		echo "$peer $endpoint $(tr , "\n" <<<"$list" | sort | xargs)"
	done | sort
}
# The same, where gate may tell its endpoint when it likes: the policy says none
settings() { wires | sed "s|^${key[gate]} [^ ]*|gate|"; }
# Routes by the device that merlond made, both families
routes() {
	{
		ip -n "$md_ns" -4 route show table "${1:-main}" proto 77
		ip -n "$md_ns" -6 route show table "${1:-main}" proto 77
	} 2>"$tap_dir/output" | awk '{ print $1 }' | sort | xargs
}
addresses() { ip -n "$md_ns" -br addr show dev "${device:-wg0}" scope global | awk '{ $1 = $2 = ""; print }' | xargs; }
link() { ip -n "$md_ns" -j link show dev "${device:-wg0}" | jq -r ".[0].$1"; }
tunnel() { ask status | jq -r ".tunnel.$1"; }
pings() { n "$1" ping -qc1 -W5 "$2"; }
no_ping() { ! n "$1" ping -qc1 -W1 "$2"; }

must modprobe merlon
chmod 711 "$tap_dir"
must "$merlon" key generate --no-passphrase -o "$tap_dir/policy.key"
ns_add hub
ns_forward hub
at_exit end_all
for node in "${nodes[@]}"; do make_node "$node"; done
must ip -n gate addr add 10.9.0.1/32 dev lo

# --- the key ----------------------------------------------------------------
at alice
exits 0 "-n accepts a key" "$merlond" -n "${md_options[@]}"
chmod 640 "$md_dir/key"
exits 2 "-n refuses a key that others can read" "$merlond" -n "${md_options[@]}"
like "$(cat "$tap_dir/output")" "chmod 0600" "and says what to do"
exits 2 "and merlond does not start with it" n alice "$merlond" "${md_options[@]}"
chmod 600 "$md_dir/key"
echo nonsense >"$tap_dir/nonsense" && chmod 600 "$tap_dir/nonsense"
exits 2 "a file that holds no key is refused" "$merlond" -n "${md_options[@]}" \
	--tunnel "$tap_dir/nonsense"
like "$(cat "$tap_dir/output")" "wg genkey" "and says who makes one"
exits 2 "--take-over alone makes no sense" "$merlond" -n --take-over
exits 2 "a port that is none" "$merlond" -n "${md_options[@]}" --listen-port 65536

# --- the mesh ---------------------------------------------------------------
sign 1 <<-END
	{"nodes": {
		$(node_json alice)
		$(node_json bob)
		$(node_json gate ', "routes": ["10.9.0.0/24"]')
	},
	"grants": [{"src": ["alice"], "dst": ["bob", "gate", "10.9.0.0/24"], "ip": ["icmp:*"]}]}
END
for node in alice bob gate; do
	at "$node"
	md_start
	must kernel arm tunnels enforcing
	must ask armed tunnels enforcing >"$tap_dir/output"
	is "$(tunnel device)" "" "$node: no device before the first bundle"
	is "$(take "$node" 1)" 0 "$node: takes its first bundle"
done
at alice
is "$(link ifalias)" "merlon mesh/alice" "the device has its alias"
is "$(link mtu)" 1420 "and the kernel's MTU"
is "$(w listen-port) $(w public-key)" "51820 ${key[alice]}" "its port, and its key"
is "$(addresses)" "10.0.0.1/32 fd00::1/128" "its addresses"
is "$(w peers | wc -l)" 2 "its peers"
is "$(allowed gate)" "10.0.0.3/32 10.9.0.0/24 fd00::3/128" "their allowed IPs"
is "$(endpoint_of gate)" "192.0.2.3:51820" "and endpoints"
is "$(routes)" "10.0.0.2 10.0.0.3 10.9.0.0/24 fd00::2 fd00::3" "routes to all of them"
is "$(tunnel device) $(tunnel peers) '$(tunnel problem)'" "wg0 2 ''" "merlond says so"
like "$(n alice "$merlon" status --socket "$md_dir/socket")" "tunnel.*wg0, 2 peers" \
	"and merlon status does"
capture_start to-bob bob wg0 in "icmp[icmptype] = icmp-echo"
capture_start plain hub to-bob out "icmp"
ok "alice reaches bob, by IPv4" pings alice 10.0.0.2
ok "and by IPv6" pings alice fd00::2
ok "alice reaches what is behind gate" pings alice 10.9.0.1
ok "it came out of bob's tunnel" capture_seen to-bob 1
is "$(capture_stop plain)" 0 "and was not seen on the wire"
ok "bob does not reach alice, which nobody granted" no_ping bob 10.0.0.1
ok "nor gate" no_ping bob 10.0.0.3
not_ok "the private key is in no log" grep -qF "$(cat "$md_dir/key")" "$md_log"

# --- privileges, restarts -----------------------------------------------------
read -r _ apply sync <<<"$(md_pids)"
is "$(sed -n 's/^CapEff:\t//p' "/proc/$apply/status")" 0000000000001000 \
	"apply has CAP_NET_ADMIN and no more"
is "$(sed -n 's/^Seccomp:\t//p' "/proc/$apply/status")" 2 "and its filter"
is "$(readlink "/proc/$apply/root")" "$md_dir/state" "and no file but its state's"
ok "it has locked memory" [ "$(sed -n 's/^VmLck:[^0-9]*\([0-9]*\) kB/\1/p' \
	"/proc/$apply/status")" -gt 128 ]
is "$(sed -n 's/^VmLck:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$sync/status")" 0 \
	"and sync, which has no secret, has none"
before=$(w latest-handshakes)
ok "it ends as told" md_stop
md_start
is "$(w latest-handshakes)" "$before" "a restart interrupts no peer"
ok "alice still reaches bob" pings alice 10.0.0.2
md_kill
must ip -n alice link del wg0
md_start
ok "a device that is gone when it starts is made again" pings alice 10.0.0.2
is "$(routes)" "10.0.0.2 10.0.0.3 10.9.0.0/24 fd00::2 fd00::3" "with its routes"

# --- a peer that has moved ----------------------------------------------------
must n bob wg set wg0 listen-port 4711
must n bob wg set wg0 peer "${key[alice]}" persistent-keepalive 1
learnt() { [ "$(endpoint_of bob)" = 192.0.2.2:4711 ]; }
ok "bob speaks from another port: alice learns it" wait_for 20 learnt

# --- one goes, one comes, a prefix moves ----------------------------------------
sign 2 <<-END
	{"nodes": {
		$(node_json alice)
		$(node_json bob ', "routes": ["10.9.0.0/24"]')
		$(node_json carol)
	},
	"grants": [{"src": ["alice"], "dst": ["bob", "10.9.0.0/24", "carol"], "ip": ["icmp:*"]}]}
END
must ip -n bob addr add 10.9.0.1/32 dev lo
at carol
md_start
is "$(take carol 2)" 0 "carol joins"
is "$(take bob 2)" 0 "bob takes over gate's LAN"
capture_start to-gate gate wg0 in "icmp[icmptype] = icmp-echo"
capture_start to-carol carol wg0 in "icmp[icmptype] = icmp-echo"
while sleep 0.1; do n alice ping -qi 0.1 -w 3 10.0.0.3; done >/dev/null 2>&1 &
flood=$!
at_exit eval "kill $flood 2>/dev/null"
ok "alice's packets come out of gate's tunnel" capture_seen to-gate 5 20
is "$(take alice 2)" 0 "alice takes the second generation"
at alice
is "$(allowed gate)" "" "gate is no peer any more"
gone=$(capture_count to-gate)
is "$(allowed bob)" "10.0.0.2/32 10.9.0.0/24 fd00::2/128" "its LAN is bob's"
is "$(allowed carol)" "10.0.0.4/32 fd00::4/128" "carol is one"
is "$(endpoint_of bob)" 192.0.2.2:4711 "what was learnt of bob is kept"
is "$(w peers | wc -l)" 2 "nobody is left behind"
is "$(routes)" "10.0.0.2 10.0.0.4 10.9.0.0/24 fd00::2 fd00::4" "the routes follow"
ok "alice reaches carol" pings alice 10.0.0.4
ok "and the LAN, by bob" pings alice 10.9.0.1
ok "it came out of carol's tunnel" capture_seen to-carol 1
is "$(capture_count to-gate)" "$gone" "and gate's tunnel brought nothing more"
kill "$flood"

# The bundle's own endpoint changes: what was learnt no longer counts.
sign 3 <<-END
	{"nodes": {
		$(node_json alice)
		"bob": {"addresses": ["10.0.0.2", "fd00::2"], "publicKey": "${key[bob]}",
			"endpoint": "192.0.2.2:4712", "routes": ["10.9.0.0/24"]},
		$(node_json carol)
	},
	"grants": [{"src": ["alice"], "dst": ["bob"], "ip": ["icmp:*"]}]}
END
must n bob wg set wg0 peer "${key[alice]}" persistent-keepalive 0
is "$(take alice 3)" 0 "a generation with another endpoint for bob"
is "$(endpoint_of bob)" 192.0.2.2:4712 "it is taken"
ok "the LAN is not granted any more" no_ping alice 10.9.0.1

# --- refused, and undone --------------------------------------------------------
# single NAME [WISH]...: a bundle of the library's own for alice, whose leaf has
# config.json; the trust is another network's
at alice
md_stop
must "$tools/mkbundle" "$md_dir/trust.json" network=single node=alice
rm -r "$md_dir/state"
must ip -n alice link del wg0
single() { bundle "$1" network=single node=alice epoch=2 allow=all config="$tap_dir/config.json" "${@:2}"; }

# config FILTER: of jq, over a config with bob and gate, and 10.9.0.0/24 at gate
config() {
	jq -n --arg bob "${key[bob]}" --arg gate "${key[gate]}" --arg carol "${key[carol]}" '
	{addresses: ["10.0.0.1"], tunnels: [{name: "wg0", ignored: false}], peers: [
		{name: "bob", publicKey: $bob, allowedIPs: ["10.0.0.2"],
			endpoint: "192.0.2.2:4711"},
		{name: "gate", publicKey: $gate, allowedIPs: ["10.0.0.3", "10.9.0.0/24"]}]
	} | '"${1:-.}" >"$tap_dir/config.json"
}
config .
md_start
is "$(apply_code "$(single one serial=1)")" 0 "another network's first bundle"
is "$(link ifalias)" "merlon single/alice" "another alias"
before=$(settings)
config 'del(.peers[0]) | .peers[0].allowedIPs = ["10.9.0.0/24", "10.0.0.2", "10.7.0.0/16"]'
is "$(apply_code "$(single bad serial=2 image=bad)")" -22 "an image that the kernel refuses"
is "$(settings)" "$before" "the tunnel is as before"
is "$(routes)" "10.0.0.2 10.0.0.3 10.9.0.0/24" "and the routes"
is "$(kernel_says generation)" 2.1 "and the generation"
refuses() { # PATTERN DESCRIPTION
	local reply

	reply=$(ask apply "$(single "refused" serial=2)")
	is "$(jq -r .code <<<"$reply")" -74 "$2: refused"
	like "$(jq -r .sentence <<<"$reply")" "$1" "$2: says why"
	is "$(settings)" "$before" "$2: nothing changed"
}
config '.peers[0].endpoint = "10.9.0.7:1"'
refuses "by the tunnel itself" "an endpoint in the tunnel"
config '.peers[0].endpoint = "127.0.0.1:1"'
refuses "can be sent to" "an endpoint on this machine"
config '.peers[0].endpoint = "224.0.0.1:1"'
refuses "can be sent to" "an endpoint for many"
key_self=${key[alice]}
config ".peers[0].publicKey = \"$key_self\""
refuses "own key" "this node as its own peer"
config 'del(.peers)'
refuses "without --tunnel" "a policy without nodes"

# --- a policy that has another key of this node ---------------------------------
stranger=$(wg genkey | wg pubkey)
config ".publicKey = \"$stranger\""
is "$(apply_code "$(single "another key" serial=2)")" 0 "another key of this node in the policy"
like "$(cat "$md_log")" "knows this node by another WireGuard key" "is told of"
is "$(w public-key)" "$key_self" "and the device has the one of the file"

# --- a LAN that is here already -----------------------------------------------
must ip -n alice route add 10.7.0.0/16 dev eth0
config '.peers[1].allowedIPs += ["10.7.0.0/16"]'
is "$(apply_code "$(single lan serial=3)")" 0 "a peer with a network that is here"
like "$(tunnel problem)" "10.7.0.0/16 is routed by another device" "is told of"
is "$(routes)" "10.0.0.2 10.0.0.3 10.9.0.0/24" "all else is there"
must ip -n alice route del 10.7.0.0/16 dev eth0
solved() { [ "$(tunnel problem)" = "" ]; }
ok "and it is tried again" wait_for 40 solved
is "$(routes)" "10.0.0.2 10.0.0.3 10.7.0.0/16 10.9.0.0/24" "until it is there"

# --- the default route ---------------------------------------------------------
config '.peers[1].allowedIPs += ["0.0.0.0/0", "::/0"]'
is "$(apply_code "$(single all serial=4 scope=everything)")" 0 "gate is the exit"
is "$(allowed gate)" "0.0.0.0/0 10.0.0.3/32 10.9.0.0/24 ::/0" "it has all addresses"
is "$(w fwmark)" 0xca6c "WireGuard's own packets are marked"
is "$(routes 51820)" "default default" "the default routes, in a table"
like "$(ip -n alice route get 203.0.113.9)" "dev wg0" "what has no better way goes by it"
like "$(ip -n alice route get 203.0.113.9 mark 51820 2>&1)" unreachable \
	"but for WireGuard's own, which have none here"
like "$(ip -n alice route get 192.0.2.2)" "dev eth0" "a network that is here stays"
like "$(ip -n alice -6 route get 2001:db8::9)" "dev wg0" "by IPv6, too"
config .
is "$(apply_code "$(single none serial=5)")" 0 "gate is none any more"
is "$(ip -n alice rule show | grep -c 'proto 77\|suppress')$(ip -n alice -6 rule show | grep -c suppress)" \
	00 "the rules are gone"
is "$(routes 51820)" "" "and the routes"

# --- another name ---------------------------------------------------------------
config '.tunnels[0].name = "mesh7"'
is "$(apply_code "$(single named serial=6 tunnel=mesh7)")" 0 "the tunnel has another name"
not_ok "wg0 is gone" ip -n alice link show dev wg0
device=mesh7
is "$(addresses)" 10.0.0.1/32 "mesh7 has its address"
device=''
config .
is "$(apply_code "$(single back serial=7)")" 0 "and its old name again"
is "$(addresses)" 10.0.0.1/32 "as before"

# --- somebody else's device -----------------------------------------------------
md_stop
must ip -n alice link del wg0
must ip -n alice link add wg0 type wireguard
md_start
is "$(link ifalias)" "merlon single/alice" "what ip link add leaves behind is taken"
md_stop
must ip -n alice link del wg0
wg_dev alice wg0 10.0.0.1/24 4713
must n alice wg set wg0 peer "${key[bob]}" allowed-ips 10.0.0.2/32 endpoint 192.0.2.2:5555
must n alice wg set wg0 peer "${key[carol]}" allowed-ips 10.0.0.4/32
before=$(w dump)
md_start
like "$(tunnel problem)" "did not make it.*--take-over" "a device of somebody else's is told of"
reply=$(ask apply "$(single foreign serial=8 allow=icmp)")
is "$(jq -r .code <<<"$reply")" -17 "a bundle is refused"
like "$(jq -r .sentence <<<"$reply")" "ip link del wg0.*--take-over" "and what to do is said"
is "$(w dump)" "$before" "the device is untouched"
is "$(kernel_says generation)" 2.7 "and the generation"
md_stop
md_options+=(--take-over)
md_start
is "$(link ifalias)" "merlon single/alice" "--take-over: it is merlond's"
is "$(w peers | wc -l)" 2 "with the bundle's peers"
is "$(allowed bob)$(allowed carol)" 10.0.0.2/32 "and no other"
is "$(endpoint_of bob)" 192.0.2.2:5555 "an endpoint is kept"
is "$(w listen-port) $(w public-key)" "4713 ${key[alice]}" "and its port; the key is ours"
is "$(addresses)" 10.0.0.1/24 "an address is one, whatever its net"
is "$(apply_code "$(single foreign serial=8 allow=icmp)")" 0 "the bundle is taken"
md_stop
md_options=("${md_options[@]:0:${#md_options[@]}-1}")
md_start
is "$(tunnel problem)" "" "it is remembered: --take-over is needed once"
done_testing
