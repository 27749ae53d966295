#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# The life of the module, of an armed namespace, of its generations and devices.
#
#	gate: wg0, no peer. What is sent to 10.0.0.2 is judged on its way out,
#	and that is enough to see by what.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/memory.bash"
PATH=$PATH:$(cd "$(dirname "$0")/../../build/user/tools" && pwd)
version=$(cat "$(dirname "$0")/../../VERSION")

[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
cd "$tap_dir" || bail "no directory"
lives=200
[ "${MERLON_LENGTH:-}" != long ] || lives=10000
[ "${MERLON_LENGTH:-}" != short ] || lives=50

nl() { n gate nltool "$@"; }
status() { n "${2:-gate}" nltool status | sed -n "s/^$1=//p"; }
users() { awk '$1 == "merlon" { print $3 }' /proc/modules; }

# packets RULE: what the rule for port 1000 + RULE has counted
packets() {
	nl rules | sed -n "s/^RULE_ID=$((($1 + 1) << 32 | 0xabc)) .*PACKETS=\([0-9]*\) .*/\1/p"
}

# send_to NUMBER PORT: that many UDP packets; refused ones are no error
send_to() {
	# shellcheck disable=SC2016
	n gate bash -c 'exec 3>/dev/udp/10.0.0.2/$1
		for ((i = 0; i < $0; i++)); do echo x >&3; done' "$1" "$2" 2>/dev/null
	return 0
}

# grows COUNTER...: does a packet to port 1000 move it?
grows() {
	local before

	before=$("$@")
	send_to 1 1000
	[ "$(("$("$@" | cut -d/ -f2)" - ${before#*/}))" = 1 ]
}

tunnel() {
	must ip -n gate link add "${1:-wg0}" type wireguard
	must ip -n gate link set "${1:-wg0}" up
}

address() {
	must ip -n gate addr add 10.0.0.1/24 dev "${1:-wg0}"
}

must nltool image a.img , image b.img from=1 , image large.img rules=3000 , \
	image one.img tunnel=wg1

# --- the module -------------------------------------------------------------

is "$(modinfo -F version merlon)" "$version" "the module has the project's version"
ok "it comes and goes, twenty times" eval \
	'for i in {1..20}; do modprobe merlon && rmmod merlon || exit 1; done'
must modprobe merlon
must modprobe wireguard
ns_add gate idle
tunnel
address
is "$(status MODULE_VERSION)" "$version" "and says its version"

# Half a minute of idling, in another namespace, while the rest goes on.
mkfifo hold
n idle nltool begin a.img 1 1 1000 , hold <hold >idling 2>&1 &
exec 9>hold
must wait_for 60 grep -q holding idling

# --- armed ------------------------------------------------------------------

must nl arm enforcing
is "$(status STATE)" lockdown "armed without a generation: lockdown"
is "$(users)" 1 "an armed namespace holds the module"
not_ok "which cannot be unloaded" rmmod merlon
ok "lockdown counts as such" grows status lockdown
must nl load a.img 1 1 600000
is "$(status STATE)" enforcing "a load ends the lockdown"
send_to 1 1000
is "$(packets 0)" 1 "a packet that a rule allows"
send_to 1 1002
is "$(status rule)" 1/1 "and one that a rule denies"
send_to 2 999
is "$(status no-rule)" 0/2 "and two that no rule speaks of"
must nl disarm
is "$(status STATE),$(users)" disarmed,0 "disarmed, the module is free"
is "$(status rule)" 1/1 "totals outlive the generation"
is "$(status no-rule)" 0/2 "also of what no rule spoke of"

# --- confirm ----------------------------------------------------------------

like "$(nl arm enforcing 2 , status)" "CONFIRM_S=[12]$" "armed until somebody confirms"
ok "nobody does: disarmed again" nl await disarmed 60000
is "$(users)" 0 "and the module is free"
like "$(nl confirm)" 'ESRCH' "too late to confirm"
must nl arm observing
must nl arm enforcing 1
ok "observing before: observing again" nl await observing 60000
must nl arm enforcing 1
must nl arm enforcing 2
ok "unconfirmed twice: back to what was meant to stay" nl await observing 60000
must nl arm enforcing 60 , confirm
is "$(status CONFIRM_S)" "" "confirmed: nothing ticks"
must nl arm enforcing 3 , arm enforcing
not_ok "an arming for good stops the ticking" nl await observing 4500
must nl load a.img 1 2 600000
must nl arm observing 1 , await enforcing 60000
is "$(status SERIAL)" 2 "what was loaded meanwhile stays loaded"
must nl disarm

# --- lifetime ---------------------------------------------------------------

must nl load a.img 2 1 600000 , arm enforcing
must nl renew a.img 2 2 1
ok "a lifetime ends" nl await expired 60000
ok "then everything is denied as expired" grows status expired
must nl renew a.img 2 3 600000
before=$(packets 0)
send_to 1 1000
is "$(packets 0)" $((before + 1)) "a renewal brings the rules back, and their counts"
must nl arm observing , renew a.img 2 4 1
before=$(status expired)
ok "observing counts it too" eval 'wait_for 5 grows status expired'

# --- counters ---------------------------------------------------------------

must nl load a.img 3 1 600000 , arm enforcing
send_to 5 1000
send_to 7 1001
send_to 3 1002
rule=$(status rule) counts="$(packets 0) $(packets 1) $(packets 2)"
must nl load b.img 3 2 600000
is "$(packets 1) $(packets 2)" "${counts#* }" "counters survive a swap, by rule"
is "$(packets 3)" 0 "a new rule starts at nothing"
is "$(status rule)" "$rule" "totals do not move, though a rule is gone"
must nl load a.img 3 3 600000
is "$(packets 0)" 0 "a rule that comes back starts anew"
is "$(packets 1) $(packets 2)" "${counts#* }" "the others go on"
is "$(status rule)" "$rule" "and totals do not move"
must nl load large.img 3 4 600000
is "$(nl rules | grep -c RULE_ID)" 3000 "a thousand times as many rules"
is "$(packets 1) $(packets 2)" "${counts#* }" "inherit as well"
must nl load a.img 3 5 600000

# --- devices ----------------------------------------------------------------

grows_0() { grows packets 0; }
unknown() { grows status unknown-tunnel; }

ok "wg0 is the policy's wg0" grows_0
must ip -n gate link set wg0 down
must ip -n gate link set wg0 name other
must ip -n gate link set other up
ok "by another name it is unknown" unknown
must ip -n gate link set other down
must ip -n gate link set other name wg0
must ip -n gate link set wg0 up
ok "and known again" grows_0
must ip -n gate link del wg0
tunnel
address
ok "deleted and made anew" grows_0
must ip -n gate link set wg0 netns idle
must ip -n idle link set wg0 netns gate
address
must ip -n gate link set wg0 up
ok "moved to another namespace and back" grows_0
must nl load one.img 3 6 600000
ok "a policy for wg1: wg0 is unknown" unknown
for ((i = 0; i < 150; i++)); do
	ip -n gate link add wg1 type wireguard && ip -n gate link del wg1
done
for ((i = 0; i < 70; i++)); do
	echo "link add wg1 type wireguard"
	echo "link set wg1 name was$i"
done >names
must ip -n gate -batch names
must ip -n gate link del wg0
tunnel wg1
address wg1
ok "wg1 is known, though 150 have come and gone, and 70 were renamed" grows_0
must ip -n gate link del wg1
tunnel
address
must nl load a.img 3 7 600000
ok "wg0 was there before the policy" grows_0

# --- events and trace -------------------------------------------------------

trace=/sys/kernel/tracing
echo 1 >$trace/events/merlon/merlon_verdict/enable
nl join , listen 120000 >events &
listener=$!
must wait_for 60 grep -q 'join: ok' events
send_to 200 1002
wait_for 60 eval '[ "$(grep -c DROP_EVENT events)" -ge 64 ]'
like "$(grep -m 1 DROP_EVENT events)" \
	'REASON=rule HOOK=4 ACTION=2 LENGTH=30 RULE_ID=12884904636 FAMILY=2 PROTOCOL=17 SOURCE=0a000001 DESTINATION=0a000002 SOURCE_PORT=[0-9]* SELECTOR=1002 DEVICE_OUT=wg0' \
	"a DROP_EVENT tells all there is to tell"
count=$(grep -c DROP_EVENT events)
ok "200 drops are not 200 events ($count)" [ "$count" -lt 190 ]
like "$(cat $trace/trace)" \
	'merlon_verdict: postrouting drop: rule rule=0000000300000abc ::ffff:10.0.0.1:[0-9]* > ::ffff:10.0.0.2:1002 protocol=17 in= out=wg0' \
	"the tracepoint shows verdicts"
echo 0 >$trace/events/merlon/merlon_verdict/enable
must nl arm observing
one_more() { send_to 1 1002; grep -q 'OBSERVED=' events; }
ok "observing: an event says that the packet passed" wait_for 60 one_more
like "$(grep SUPPRESSED events | head -n 1)" 'SUPPRESSED=[1-9]' \
	"and what was suppressed is told later"
kill $listener 2>/dev/null
wait $listener 2>/dev/null

# --- memory -----------------------------------------------------------------

group=/sys/fs/cgroup/merlon-test
mkdir -p $group
echo +memory >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null
if [ -e $group/memory.stat ]; then
	at_exit rmdir $group
	# shellcheck disable=SC2016
	must sh -c 'echo $$ >'$group'/cgroup.procs && exec ip netns exec gate \
		nltool load large.img 4 1 600000'
	charged() { awk "\$1 == \"kernel\" { print \$2 }" $group/memory.stat; }
	paid() { [ "$(charged)" -ge $(($(status MEMORY) * 3 / 4)) ]; }
	ok "whoever loads pays" wait_for 60 paid
	diag "$(charged) bytes charged for $(status MEMORY) of tables"
else
	skip "no memory controller" "whoever loads pays"
fi
must nl disarm

# --- namespaces that die ----------------------------------------------------

must nltool lives 20 large.img
memory_note
is "$(nltool lives $lives large.img)" "lives: ok" "$lives namespaces die while armed"
is "$(users)" 0 "none of them holds the module"
memory_is_back $((2000 + 4 * lives))

# --- idle -------------------------------------------------------------------

again() { n idle nltool begin a.img 1 1 1000; }
ok "a load that idles for half a minute is over" wait_for 40 again
is "$(cat idling)" "begin: ok
holding" "though its socket still lives"
must n idle nltool begin a.img 1 1 1000 , hold </dev/null

# --- the end ----------------------------------------------------------------

must nl load a.img 8 1 600000
nl begin a.img 9 1 1000 , hold <hold >begun 2>&1 9>&- &
must wait_for 60 grep -q holding begun
ok "unloading ends loads and forgets generations" rmmod merlon
exec 9>&-
wait
must modprobe merlon
must nl load a.img 1 1 600000 , arm enforcing
ok "forced to unload while armed" rmmod -f merlon
ok "it is gone" eval '! grep -q ^merlon /proc/modules'
not_ok "and has closed the tunnel" eval \
	"ip -n gate link show wg0 | head -n 1 | grep -q '[<,]UP[,>]'"

done_testing
