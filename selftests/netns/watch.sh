#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# merlon-watch: who sends what is denied gets an error at once where the kernel
# can ask the module (6.12), and has a name everywhere; and what the wall lets
# pass is never refused.
#
#	node ---- eth0/eth0 ---- far
#	    "==== wg0/wg0 ===="
#
#	node  192.0.2.1 2001:db8::1   eth0;  10.7.0.1 fd07::1  wg0
#	far   192.0.2.2 2001:db8::2   eth0;  10.7.0.2 fd07::2  wg0
#
# Captures at far. Nobody listens there: who gets through by TCP gets a reset.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
tools=$PWD/build/user/tools
merlon=$PWD/build/user/merlon
watch=$PWD/build/user/merlon-watch
pins=/sys/fs/bpf/merlon-watch
wall() { "$tools/wall" -n node "$@"; }
wall_load() { wall load "$@" >"$tap_dir/load" 2>&1 || bail "load: $(cat "$tap_dir/load")"; }
on() { nsenter --net="/run/netns/$1" "${@:2}"; }	# with /sys, unlike ip netns
# What is to pass is waited for; what is not, no longer than it must be.
wait_ms=1500
call() { on node "$tools/caller" -w "$wait_ms" "$@"; }
as_user() { on node setpriv --reuid "$1" --clear-groups "$tools/caller" -w "$wait_ms" "${@:2}"; }
# shellcheck disable=SC2016
in_group() {
	on node bash -c 'echo $$ >"/sys/fs/cgroup/$1/cgroup.procs"; shift; exec "$@"' in_group "$1" \
		"$tools/caller" -w "$wait_ms" "${@:2}"
}

# Can it ask the module here? Where it must be able to, it is asked for.
asks=1
[ "$MERLON_VM" != 6.1 ] || asks=''
refused=${asks:+EPERM}

must modprobe merlon
mountpoint -q /sys/kernel/security || must mount -t securityfs securityfs /sys/kernel/security
must mkdir -p /sys/fs/cgroup/ours/below
ns_add node far
veth_pair node eth0 "192.0.2.1/24 2001:db8::1/64" far eth0 "192.0.2.2/24 2001:db8::2/64"
wg_pair node wg0 "10.7.0.1/24 fd07::1/64" 192.0.2.1 far wg0 "10.7.0.2/24 fd07::2/64" 192.0.2.2

# --- what the table says ------------------------------------------------------

# noted: reads the rows, as "PROGRAM USER CGROUP WHERE WHAT WHY HOW COUNT RULE"
noted() {
	on node "$merlon" leaks --json >"$tap_dir/leaks.json" || bail "merlon leaks"
	jq -r '.leaks[] | [.program // "?", .user, .cgroup, .destination // .socket // "?",
		.service // "-", .reason // "-", .how, .count, .rule.id // "-"] |
		map(tostring) | join(" ")' "$tap_dir/leaks.json" >"$tap_dir/rows"
}
# row DESCRIPTION PATTERN: one of those that were read is exactly that
row() { grep -qxE -- "$2" "$tap_dir/rows" && pass "$1" || { fail "$1"; diag "$2"; diag "$(<"$tap_dir/rows")"; }; }
no_row() { is "$(grep -E -- "$2" "$tap_dir/rows")" "" "$1"; }

# --- without ------------------------------------------------------------------

xdp() { on "$1" "$tools/leakpkt" xdp lo src=127.0.0.1 dst=127.0.0.1 proto=udp sport=1 dport=9; }

is "$(call connect tcp 192.0.2.2 7001)" ECONNREFUSED "not armed: a connection gets there"
must wall arm enforcing everything
wall_load <<<$'tunnel wg0\nallow * * *'
is "$(call connect tcp 192.0.2.2 7001)" timeout "without the watch a connection outside of the tunnel waits"
exits 2 "merlon leaks fails" on node "$merlon" leaks
like "$(cat "$tap_dir/output")" "merlon-watch attach" "and says what to do"
exits 1 "merlon-watch status: it is not there" on node "$watch" status
like "$(on node "$merlon" status)" "watch +not attached.*merlon-watch attach" "merlon status says so"
ok "AF_XDP can be used" xdp node
exits 1 "there is nothing to detach" on node "$watch" detach
exits 2 "a control group that is none" on node "$watch" attach --cgroup /tmp
exits 2 "or is not there" on node "$watch" attach --cgroup /sys/fs/cgroup/none
not_ok "a failed attempt leaves nothing" test -e $pins

# --- attached -----------------------------------------------------------------

attached() { bpftool cgroup show /sys/fs/cgroup | grep -cE '^[0-9]+ +cgroup_'; }
is "$(attached)" 0 "nothing is attached to the root group"
ok "it attaches" on node "$watch" attach
is "$(attached)" 5 "five programs are"
ok "it attaches again" on node "$watch" attach
is "$(attached)" 5 "in the place of those before"
ok "merlon-watch status" on node "$watch" status
wanted='[true,true,true,0]'
[ -n "$asks" ] || wanted='[true,false,true,1]'
is "$(on node "$merlon" status --json |
	jq -c '.watch | [.attached, .refusesCalls, .refusesAfXdp, (.lacks | length)]')" \
	"$wanted" "merlon status says what it does, and what it does not"
noted
no_row "nothing was noted yet" .
not_ok "the module is held" rmmod merlon

# --- off the tunnel -----------------------------------------------------------

capture_start off far eth0 in "(tcp or udp) and portrange 7000-7099"
capture_start mark far eth0 in "udp port 7999"
# What was sent before has been counted when the tunnel brings an answer.
settled() { n node ping -qc1 -W10 10.7.0.2 >/dev/null || bail "the tunnel is gone"; capture_count off; }
call -d eth0 connect tcp 192.0.2.2 7001 >/dev/null
outside=$(settled)

# quick WANTED-WHERE-IT-ASKS ELSEWHERE DESCRIPTION COMMAND...
quick() {
	local wanted=$1

	[ -n "$asks" ] || wanted=$2
	is "$("${@:4}")" "$wanted" "$3"
}
quick EPERM timeout "TCP" call connect tcp 192.0.2.2 7001
quick EPERM timeout "TCP, IPv6" call connect tcp 2001:db8::2 7001
quick EPERM timeout "TCP, to a mapped address" call -6 connect tcp 192.0.2.2 7002
quick EPERM EPERM "UDP" call connect udp 192.0.2.2 7003
quick EPERM EPERM "UDP, IPv6" call connect udp 2001:db8::2 7003
quick EPERM EPERM "UDP, not connected" call send udp 192.0.2.2 7004
quick EPERM EPERM "UDP, not connected, IPv6" call send udp 2001:db8::2 7004
quick EPERM timeout "TCP, bound to the device" call -d eth0 connect tcp 192.0.2.2 7005
how=dropped
[ -z "$asks" ] || how=refused
as_user 4711 connect udp 192.0.2.2 7010 >/dev/null
as_user 33 connect udp 192.0.2.2 7010 >/dev/null
in_group ours/below connect udp 192.0.2.2 7011 >/dev/null
on node ping -qc1 -W1 192.0.2.2 >/dev/null 2>&1
on node "$tools/sendpkt" eth0 src=192.0.2.1 dst=192.0.2.2 proto=udp sport=1 dport=7012 2>/dev/null
on node bash -c 'for i in 1 2 3; do echo >/dev/udp/192.0.2.2/7013; done' 2>/dev/null
is "$(call connect udp 192.0.2.2 0)" yes "UDP that is connected to no port (who looks for its own address)"
is "$(settled)" "$outside" "far has seen nothing of all that"
noted
row "noted: TCP" "caller 0 / 192.0.2.2 tcp:7001 off-tunnel $how [0-9]+ -"
row "IPv6" "caller 0 / 2001:db8::2 tcp:7001 off-tunnel $how [0-9]+ -"
row "to a mapped address" "caller 0 / 192.0.2.2 tcp:7002 off-tunnel $how [0-9]+ -"
row "UDP" "caller 0 / 192.0.2.2 udp:7003 off-tunnel dropped 1 -"
row "UDP, not connected, IPv6" "caller 0 / 2001:db8::2 udp:7004 off-tunnel dropped 1 -"
row "by user" "caller 4711 / 192.0.2.2 udp:7010 off-tunnel dropped 1 -"
row "and another" "caller 33 / 192.0.2.2 udp:7010 off-tunnel dropped 1 -"
row "by control group" "caller 0 /ours/below 192.0.2.2 udp:7011 off-tunnel dropped 1 -"
row "a raw socket" "ping 0 / 192.0.2.2 icmp:8 off-tunnel dropped 1 -"
row "of a packet socket user and group alone" "\\? 0 / 192.0.2.2 udp:7012 bypass dropped 1 -"
row "again and again is one row, and counted" "bash 0 / 192.0.2.2 udp:7013 off-tunnel dropped 3 -"
no_row "what was not sent is no leak" " udp:0 "
is "$(jq '.leaks | map(select(.service == "udp:7011"))[0].cgroupId' "$tap_dir/leaks.json")" \
	"$(stat -c %i /sys/fs/cgroup/ours/below)" "the control group's id"
like "$(on node "$merlon" leaks)" "caller \(.* 192.0.2.2 tcp:7001 +off-tunnel +$how" "the table for people"
is "$(on far "$merlon" leaks --json | jq '.leaks | length')" 0 "of another namespace nothing is shown"

# --- AF_XDP -----------------------------------------------------------------------

exits 2 "AF_XDP is refused" xdp node
like "$(cat "$tap_dir/output")" "AF_XDP socket: Operation not permitted" "at the socket"
noted
row "and noted" "leakpkt 0 / af_xdp - - refused 1 -"
ok "in another namespace it is not" xdp far

# --- as the wall has it -----------------------------------------------------------

far4=192.0.2.2/32
policy="tunnel wg0
allow * * tcp/7000-7002,udp/7000,udp/53,tcp/53,icmp/8
drop * * tcp/7002
guard device eth0
guard device wg0
guard user 4711
guard cgroup /ours
guard allow 0.1.0.0/16 $far4 tcp/7020
guard allow 0.2.0.0/16 $far4 tcp/7021
guard allow 0.1.1.0/24 $far4 tcp/7022,udp/7022
guard allow 0.1.0.1/32 $far4 tcp/7023
guard allow * 192.0.2.0/25 tcp/7024
guard drop * 192.0.2.2/32 tcp/7025
guard drop * * udp/53,tcp/53"
# Each with what is to become of it.
cases=(
	"yes call connect tcp 10.7.0.2 7000" "yes call connect tcp fd07::2 7000"
	"yes call -6 connect tcp 10.7.0.2 7000" "yes call connect tcp 10.7.0.2 7001"
	"no call connect tcp 10.7.0.2 7002" "no call connect tcp 10.7.0.2 7003"
	"yes call connect udp 10.7.0.2 7000" "no call connect udp 10.7.0.2 7001"
	"yes call connect udp 10.7.0.2 0" "no call connect tcp 10.7.0.2 53"
	"no call connect udp 10.7.0.2 53" "no call connect udp fd07::2 53"
	"no call connect udp 192.0.2.2 53" "yes call connect tcp 192.0.2.2 7020"
	"no call connect tcp 192.0.2.2 7021" "no call connect tcp 192.0.2.2 7022"
	"yes as_user 4711 connect tcp 192.0.2.2 7022" "no as_user 33 connect tcp 192.0.2.2 7022"
	"yes as_user 4711 connect udp 192.0.2.2 7022" "no call connect tcp 192.0.2.2 7023"
	"yes in_group ours/below connect tcp 192.0.2.2 7023"
	"yes call connect tcp 192.0.2.2 7024" "no call connect tcp 192.0.2.2 7025"
	"no call connect tcp 2001:db8::2 7024" "no call -d eth0 connect tcp 10.7.0.2 7000"
	"yes call -d wg0 connect tcp 10.7.0.2 7000" "yes call connect tcp 127.0.0.1 7000"
	"yes call connect tcp ::1 7000" "yes call connect udp 127.0.0.1 53"
	"yes call connect tcp 192.0.2.1 7000" "no call connect tcp 192.0.2.2 7000"
	"yes call -m 7 connect tcp 192.0.2.2 7000" "yes call -i wg0 send udp 10.7.0.2 7000"
	"yes call connect tcp 203.0.113.1 7000" "yes ping_far 10.7.0.2"
)
must ip -n node route add 192.0.2.2 via 10.7.0.2 dev wg0 table 7
must ip -n node rule add fwmark 7 table 7
must n node wg set wg0 peer "${wg_public[far/wg0]}" allowed-ips 10.7.0.0/24,fd07::/64,192.0.2.2/32

# Which first connects a datagram socket, to a port that the policy does not know.
ping_far() { n node ping -qc1 -W30 "$1" >/dev/null && echo yes || echo EPERM; }
# passes WANTED COMMAND: yes or no, and what it said
passes() {
	local said wait_ms=$wait_ms

	[ "$1" = no ] || wait_ms=30000
	said=$($2)
	case $said in
	yes | ECONNREFUSED | ENETUNREACH) echo "yes $said" ;;
	timeout | EPERM | "later EPERM") echo "no $said" ;;
	*) echo "odd $said" ;;
	esac
}
# run_cases WHEN: all of them at once; sets $answers
run_cases() {
	local i odd=''

	for i in "${!cases[@]}"; do
		passes "${cases[i]%% *}" "${cases[i]#* }" >"$tap_dir/case$i" &
	done
	wait
	for i in "${!cases[@]}"; do
		[[ "$(<"$tap_dir/case$i")" == "${cases[i]%% *} "* ]] ||
			odd+="; not so: ${cases[i]}: $(<"$tap_dir/case$i")"
	done
	is "${odd#; }" "" "$1: what is to pass does, and nothing else"
}
wall_load <<<"$policy"
run_cases "no conntrack"
n node nft -f - <<<'table inet t { chain c { type filter hook output priority 0; ct state new counter; }; }'
run_cases "conntrack, and a filter at output"
must on node "$watch" detach
run_cases "without the watch"
must on node "$watch" attach
run_cases "and with it again"
noted
how_many=$(grep -c ' refused ' "$tap_dir/rows")
if [ -n "$asks" ]; then
	ok "calls were refused ($how_many)" [ "$how_many" -ge 8 ]
else
	is "$how_many" 0 "no call was refused"
fi
row "the row names the rule" "caller 0 / 192.0.2.2 tcp:7025 guard $how [0-9]+ [0-9a-f]{16}"
row "the DNS guard's, by the tunnel" "caller 0 / 10.7.0.2 tcp:53 guard $how [0-9]+ [0-9a-f]{16}"

# --- what the wall alone can know ---------------------------------------------------

n node nft -f - <<-'NFT'
	table ip nat { chain c { type nat hook output priority -100
		ip daddr 192.0.2.2 tcp dport 7030 redirect to :7000; }; }
NFT
is "$(call connect tcp 192.0.2.2 7030)" ECONNREFUSED "what is translated to somewhere else is not refused"
is "$(call connect tcp 192.0.2.2 7031)" timeout "and what is not meets the wall"
must n node nft delete table ip nat
must n far wg set wg0 peer "${wg_public[node/wg0]}" allowed-ips 10.7.0.1/32,fd07::1/128,192.0.2.1/32
n node nft -f - <<-'NFT'
	table ip r { chain c { type route hook output priority -150
		tcp dport 7000 meta mark set 7; }; }
NFT
capture_start rerouted far wg0 in "tcp dst port 7000 and dst 192.0.2.2"
call connect tcp 192.0.2.2 7000 >/dev/null
ok "nor is what a mark routes into it" capture_seen rerouted 1
must n node nft flush ruleset

# --- modes -----------------------------------------------------------------------

must wall arm observing everything
is "$(call connect tcp 192.0.2.2 7040)" ECONNREFUSED "observing refuses nothing"
must wall arm enforcing tunnels
is "$(call connect tcp 192.0.2.2 7041)" ECONNREFUSED "scope tunnels: other devices are left alone"
quick EPERM timeout "scope tunnels: the tunnel is not" call connect tcp 10.7.0.2 7003
must wall disarm
is "$(call connect tcp 192.0.2.2 7042)" ECONNREFUSED "disarmed refuses nothing"
must wall arm enforcing everything
wall_load --lifetime 1 <<<"tunnel wg0"
wait_for 10 eval '[ "$(wall state)" = expired ]'
quick EPERM timeout "the lifetime is over: off the tunnel" call connect tcp 192.0.2.2 7043
quick EPERM timeout "and by the tunnel" call connect tcp 10.7.0.2 7044
noted
row "observing notes it" "caller 0 / 192.0.2.2 tcp:7040 off-tunnel observed 1 -"
row "by no rule" "caller 0 / 10.7.0.2 tcp:7003 no-rule $how [0-9]+ -"
no_row "what passed is not noted" "tcp:704[12] "
row "the lifetime is over: noted" "caller 0 / 10.7.0.2 tcp:7044 expired $how [0-9]+ -"

# --- follow ----------------------------------------------------------------------

nsenter --net=/run/netns/node "$merlon" leaks --follow --json >"$tap_dir/follow" &
follower=$!
at_exit kill "$follower"
wait_for 10 eval 'call send udp 192.0.2.2 7050 >/dev/null; grep -q udp:7050 "$tap_dir/follow"'
ok "leaks --follow names it as it happens" grep -q '"program": *"caller".*udp:7050' "$tap_dir/follow"
kill "$follower"

# --- bounds ----------------------------------------------------------------------

size() { bpftool -j map show pinned $pins/$1 | jq .bytes_memlock; }
before=$(size leaks)/$(size callers)
must on node ip route add 10.99.0.0/16 dev eth0
is "$(call send udp 10.99.0.1 7060 10000)" EPERM "ten thousand destinations"
is "$(size leaks)/$(size callers)" "$before" "take no more memory"
call connect udp 192.0.2.2 7061 >/dev/null
noted
count=$(wc -l <"$tap_dir/rows")
ok "and no more rows than there may be ($count)" eval '[ "$count" -le 4096 ] && [ "$count" -ge 1000 ]'
row "what comes after is noted" "caller 0 / 192.0.2.2 udp:7061 off-tunnel dropped 1 -"

# --- detaching -------------------------------------------------------------------

ok "it detaches" on node "$watch" detach
is "$(attached)" 0 "no program is left"
not_ok "nor a pin" test -e $pins
ok "AF_XDP can be used again" xdp node
is "$(call connect tcp 192.0.2.2 7001)" timeout "a connection waits again"
must wall disarm
is "$(call connect udp 192.0.2.2 7999)" yes "disarmed: a last packet leaves"
ok "and arrives" capture_seen mark 1
is "$(n node "$tools/caller" connect tcp 192.0.2.2 7001)" ECONNREFUSED "disarmed: a connection gets there"
ok "nothing holds the module" eval 'wait_for 10 rmmod merlon'

done_testing
