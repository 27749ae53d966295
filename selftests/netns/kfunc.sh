#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2154 # set by tap.sh
# timeout: 900
# The classifier as a kfunc: a tc and an XDP program (selftests/bpf) ask the
# policy of gate's namespace about UDP packets that gate forwards, and drop what
# it denies. Merlon itself judges none of them: there is no tunnel.
#
#	source eth0 10.9.1.1 fd09:1::1 --- in0 gate out0 --- eth0 10.9.2.1 fd09:2::1 target
#
# The judge is a capture at target. Where the module was built without BTF, the
# programs must not load, and the module must say so.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
tools=$PWD/build/user/tools
objects=$PWD/build/user/bpf/selftests/bpf
pins=/sys/fs/bpf/ask

wall() { "$tools/wall" -n gate "$@"; }
on() { nsenter --net="/run/netns/$1" "${@:2}"; }	# with /sys/fs/bpf, unlike ip netns

must modprobe merlon
must mkdir $pins

# load NAME TYPE: ask_NAME, pinned, with its map
load() { bpftool prog load "$objects/ask_$1.bpf.o" "$pins/$1" type "$2" pinmaps "$pins/$1-maps"; }

# --- built without BTF ----------------------------------------------------------

without() {
	like "$(modinfo -F kfuncs merlon)" "^none: built without BTF" "modinfo says that there is none"
	like "$(dmesg)" "merlon: built without BTF: BPF programs cannot ask" "and so does the log"
	ok "programs load here" bpftool prog load \
		build/user/bpf/userspace/bpf/shield.bpf.o $pins/other type xdp
	exits 255 "one that asks does not" load tc classifier
	like "$(cat "$tap_dir/output")" "merlon_classify_skb.*not (found|resolved)" "for that reason"
	exits 255 "nor one of XDP" load xdp xdp
	ok "nothing holds the module" rmmod merlon
}

case $MERLON_VM in
6.1)
	without
	done_testing
	exit
	;;
esac

# --- scene ----------------------------------------------------------------------

declare -A target=([4]=10.9.2.1 [6]=fd09:2::1)

scene() {
	ns_add source gate target
	veth_pair source eth0 "10.9.1.1/24 fd09:1::1/64" gate in0 "10.9.1.254/24 fd09:1::fe/64"
	veth_pair target eth0 "10.9.2.1/24 fd09:2::1/64" gate out0 "10.9.2.254/24 fd09:2::fe/64"
	must ip -n source route add default via 10.9.1.254
	must ip -n source -6 route add default via fd09:1::fe
	must ip -n target route add default via 10.9.2.254
	must ip -n target -6 route add default via fd09:2::fe
	ns_forward gate
	capture_start markers target eth0 in "udp dst port 9999"
	capture_start others target eth0 in "udp and not dst port 9999"
}

# to FAMILY PORT: one packet
to() { n source bash -c "echo x >/dev/udp/${target[$1]}/$2"; }

# arrived FAMILY PORT: how many of one packet do, when one behind it has
arrived() {
	local others markers

	markers=$(capture_count markers)
	others=$(capture_count others)
	to "$1" "$2"
	to "$1" 9999
	capture_seen markers $((markers + 1)) || bail "markers do not arrive"
	got=$(($(capture_count others) - others))
}

passes() { arrived "$1" "$2" && is "$got" 1 "$3"; }
stopped() { arrived "$1" "$2" && is "$got" 0 "$3"; }

# told FIELD: of the last answer that the program with the map at $maps got. (jq
# rounds numbers of 64 bits.)
told() {
	local answer

	answer=$(bpftool -j map dump pinned "$maps/last")
	[[ ${answer#*formatted} =~ \"$1\":(-?[0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}
is_told() { is "$(told "$1")" "$2" "$3"; }

# id RULE: as wall makes it, in decimal
id() {
	local hex
	hex=$(printf %s "$1" | sha256sum | head -c 16 | fold -w2 | tac | tr -d '\n')
	printf %u "0x$hex"
}

allow="allow 10.9.1.0/24,fd09:1::/64 10.9.2.1,fd09:2::1 udp/53,udp/9999"
refuse="reject 10.9.1.1,fd09:1::1 * udp/70-79"

# load_policy [MS]
load_policy() {
	printf '%s\n' "$allow" "$refuse" "tunnel wg0" |
		wall load --lifetime "${1:-3600000}" >"$tap_dir/load" 2>&1 || bail "$(cat "$tap_dir/load")"
}

# --- what every program is told -------------------------------------------------

# judged WHAT: by the program that is attached; its map is at $maps
judged() {
	local what=$1 f

	passes 4 54 "$what, not armed: passes"
	is_told error -3 "$what, not armed: ESRCH"
	must wall arm
	passes 4 54 "$what, no generation: passes"
	is_told error -2 "$what, no generation: ENOENT"
	load_policy
	for f in 4 6; do
		passes $f 53 "$what, IPv$f a rule allows it"
		is_told error 0 "$what, IPv$f without error"
		is_told rule "$(id "$allow")" "$what, IPv$f by that rule"
		stopped $f 54 "$what, IPv$f no rule speaks of it"
		is_told rule 0 "$what, IPv$f by no rule"
		is_told action 2 "$what, IPv$f which means: drop"
		stopped $f 75 "$what, IPv$f a rule rejects it"
		is_told rule "$(id "$refuse")" "$what, IPv$f by that rule"
		is_told action 3 "$what, IPv$f which means: reject"
	done
	is_told mode 2 "$what, enforcing"
	passes 4 9998 "$what, no such family: passes"
	is_told error -22 "$what, no such family: EINVAL"
	is "$(wall hits "$allow") $(wall hits "$refuse") $(wall denied no-rule)" "0 0 0" \
		"$what, nothing is counted"
	must wall arm observing
	stopped 4 54 "$what, observing: what the policy denies"
	is_told mode 1 "$what, and that it is only that"
	must wall disarm
	must wall arm
	load_policy 1
	ok "$what, the lifetime ends" wait_for 5 eval '[ "$(wall state)" = expired ]'
	passes 4 54 "$what, expired: passes"
	is_told error -62 "$what, expired: ETIME"
	must wall disarm
}

scene
is "$(modinfo -F kfuncs merlon)" "merlon_classify_skb merlon_classify_xdp merlon_may_leave" \
	"modinfo names them"
passes 4 54 "with no program, it arrives"
passes 6 54 "IPv6 too"

ok "a tc program that asks loads" load tc classifier
maps=$pins/tc-maps
must on gate tc qdisc add dev in0 clsact
must on gate tc filter add dev in0 ingress bpf direct-action object-pinned $pins/tc
judged tc
must on gate tc qdisc del dev in0 clsact

ok "an XDP program that asks loads" load xdp xdp
maps=$pins/xdp-maps
must on gate bpftool net attach xdp pinned $pins/xdp dev in0
judged XDP

# --- whose policy ---------------------------------------------------------------
must wall arm
load_policy
stopped 4 54 "gate's policy denies it"
must on gate bpftool net detach xdp dev in0
must on target bpftool net attach xdp pinned $pins/xdp dev eth0
passes 4 54 "at target's device, the same program asks target's: not armed"
is_told error -3 "it says so"
must on target bpftool net detach xdp dev eth0
must wall disarm

# --- the module -----------------------------------------------------------------
exits 1 "a program holds the module" rmmod merlon
like "$(cat "$tap_dir/output")" "in use" "which says so"
must rm -r $pins/xdp $pins/xdp-maps
exits 1 "the other one still does" rmmod merlon
must rm -r $pins/tc $pins/tc-maps
ok "when both are gone, it goes" wait_for 10 rmmod merlon

done_testing
