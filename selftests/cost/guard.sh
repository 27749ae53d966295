#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# What the guards cost a packet that they let through, in instructions, beside a
# hook that does nothing, on the same packet in the same boot
# (selftests/kmod/cost.c). Prints one line "# cost: {...}" for documents.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run --icount)"
wall=build/user/tools/wall
measure=/sys/module/cost/parameters/measure
to=192.0.2.2
limit=30	# instructions over a bare egress hook

must modprobe merlon
must insmod "build/kmod/$MERLON_VM/cost.ko"
must ip link add dummy0 type dummy
must ip addr add 192.0.2.1/24 dev dummy0
must ip link set dummy0 up

# cost HOOK: sets $cost, in hundredths of an instruction; fails where it is dropped
cost() {
	echo "$1 dummy0 $to ${2:-7}" >$measure && read -r cost <$measure
}

# measured HOOK: sets $cost; the packet has to be let through
measured() {
	cost "$1" || bail "the packet is not let through at $1"
}

bare() {
	must eval "echo 'bare $1 dummy0' >$measure"
	measured "$1"
	must eval "echo 'bare none' >$measure"
}

# show HUNDREDTHS
show() { printf '%d.%02d' $(($1 / 100)) $(($1 % 100)); }

measured clock
ok "the clock counts instructions: a loop of 100 takes $(show "$cost")" \
	[ "$cost" -gt 9900 -a "$cost" -lt 12000 ]

for hook in egress post; do
	measured $hook
	declare "none_$hook=$cost"
	bare $hook
	declare "bare_$hook=$cost"
done
must $wall arm enforcing everything
not_ok "armed, it is not let through without a rule" cost post
must eval "echo 'guard allow * $to udp/7' | $wall load"
for hook in egress seen post; do
	measured $hook
	declare "merlon_$hook=$cost"
done
not_ok "another port is not" cost post 8

# share HOOK WHAT: over a bare hook
# shellcheck disable=SC2154 # declared above
share() {
	local merlon=merlon_$1 share

	share=$((${!merlon} - bare_egress))
	ok "at egress Merlon's share is $(show $share) instructions of $limit, $2" \
		[ $share -gt 0 -a $share -le $((limit * 100)) ]
}

# shellcheck disable=SC2154 # declared above
{
	share egress "where conntrack is not loaded"
	share seen "where it is, and has seen the packet"
	diag "at egress: $(show "$none_egress") without a hook, $(show "$bare_egress") with a bare one"
	diag "at POST_ROUTING: $(show "$none_post"), $(show "$bare_post"), $(show "$merlon_post")"
	diag "cost: {\"kernel\":\"$(uname -r)\",\"egress\":{\"none\":$(show "$none_egress"),\"bare\":$(show \
		"$bare_egress"),\"merlon\":$(show "$merlon_egress"),\"seen\":$(show \
		"$merlon_seen")},\"post\":{\"none\":$(show "$none_post"),\"bare\":$(show \
		"$bare_post"),\"merlon\":$(show "$merlon_post")}}"
}
must $wall disarm
done_testing
