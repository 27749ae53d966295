#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 3000
# on: host
# A whole machine, from power-on to power-off, under systemd, with what is
# installed: not armed (plain), then armed for everything. What is sent at each stage
# is in boot/prepare. And as far as an initramfs that brings up a network, suspends the
# machine and is woken, with what boot/after does behind it:
#
#	open	of a machine that is not armed
#	held	armed for everything, and the hook was there when it was made
#	bare	the same, but it has no merlon.ko: rules of nf_tables hold it, which see no
#		frames of packet sockets, until the machine's own is there
#	freed	disarmed since it was made
#
# The judge is QEMU, which keeps every frame of the card. Suspended by the initramfs
# alone: a root over 9p does not come back.
#
#	guest (systemd, networkd, merlon-hold, merlond)
#	eth0 02:00:00:00:0b:00 ---- QEMU's own network: DHCP, a resolver, no way on

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=../result.bash
. selftests/leak/result.bash

row=37 title="boot, suspend, resume, shutdown: before the daemon, after it"
own=({early,net,stop,last}-{udp4,dns,frame} {early,up,stop,last}-udp6 up-{udp4,dns,frame,routed})
first=({init,wake,late}-{udp4,dns,frame,routed,udp6})
ways=("${own[@]}" "${first[@]}")
state=lockdown
[ -n "${MERLON_LEAK_SERIES:-}" ] || skip_all "selftests/leak/run says on which kernel"
dir=$PWD/build/leak/$series/boot
printf -v marker %08x $SRANDOM

# What is not a link's upkeep; reports of MLD have a header before theirs.
others="not arp and not icmp6 and not udp port 68 and not udp port 546"
others+=" and not (ip6 dst ff02::16 and ip6[6] == 0 and ip6[40] == 58)"

# guest NAME PROGRAM plain|armed [OPTION...]
guest() {
	mkdir -p "$dir/$1"
	selftests/vm/run --kernel "$series" --pcap "$dir/$1/pcap" --out "$dir/$1" \
		--timeout $((600 * ${MERLON_PATIENCE:-1})) "${@:4}" -- \
		"selftests/leak/boot/$2" "$dir/root" "$marker" "$3"
}

# systemd plain|armed
systemd() { ends "$1" prepare "$1" --systemd; }

# initramfs NAME IMAGE plain|armed
initramfs() {
	ends "$1" after "$3" --initrd "$dir/images/$2" || return
	ok "$1: it was suspended, and is awake" grep -q "PM: suspend exit" "$dir/$1/log" && return
	why="$1: it was not suspended"
	return 1
}

# ends NAME PROGRAM plain|armed OPTION...
ends() {
	ok "$1: the machine boots, and powers off" guest "$@" && return
	why="$1: it did not power off"
	return 1
}

images() {
	local tools

	tools=$(scripts/stubs initramfs) || return
	mkdir -p "$dir/images"
	selftests/leak/boot/image "$dir/root" "$tools" "$marker" "$series" "$dir/images" \
		plain armed bare
}

# frames NAME FILTER...: how many the machine sent
frames() {
	tcpdump -nr "$dir/$1/pcap" "ether src 02:00:00:00:0b:00 and (${*:2})" 2>/dev/null | wc -l
}

# said NAME WAY: how often
said() { grep -aoF "$marker-$2" "$dir/$1/pcap" | wc -l; }

# shows NAME WAY...: each of them is seen
shows() {
	local name=$1 way

	shift
	for way; do
		if [ "$(said "$name" "$way")" != 0 ]; then
			pass "$name: $way is seen"
			seen=$((seen + 1))
		else
			fail "$name: $way is seen"
		fi
	done
}

# Without the file it is the same machine: that is the control before and after.
not_armed() {
	systemd plain && shows plain "${own[@]}"
	initramfs open plain plain && shows open "${first[@]}"
	again=$seen
}

# passes NAME DESCRIPTION FRAMES FILTER...: at least so many
passes() {
	checks=$((checks + 1))
	if [ "$(frames "$1" "${@:4}")" -ge "$3" ]; then
		passed=$((passed + 1))
		pass "$1: $2"
	else
		fail "$1: $2"
	fi
}

# closed NAME WAY...: none of them is seen, and the machine has an address
closed() {
	local name=$1 way stage count

	shift
	for way; do
		tried=$((tried + 1)) count=$(said "$name" "$way")
		is "$count" 0 "$name: $way is not seen" || leaked=$((leaked + 1))
	done
	for stage in $(printf '%s\n' "$@" | sed -n 's/^\(up\|stop\|last\|late\)-.*/\1/p' | sort -u); do
		ok "$name: the capture has all that was sent at $stage" [ "$(said "$name" "$stage-gone")" != 0 ]
	done
	passes "$name" "DHCP asks, and is given a lease" 2 "udp src port 68 and udp dst port 67"
	passes "$name" "NDP passes" 1 "icmp6 and ip6[40] == 135"
}

nothing_else() {
	if ! is "$(frames "$1" "$others")" 0 "$1: and nothing else leaves"; then
		leaked=$((leaked + 1))
		diag "$(tcpdump -nr "$dir/$1/pcap" "$others" 2>&1)"
	fi
}

armed() {
	systemd armed || return
	closed armed "${own[@]}"
	nothing_else armed
	initramfs held armed armed || return
	closed held "${first[@]}"
	nothing_else held
	initramfs bare bare armed || return
	closed bare {init,wake}-{udp4,dns,routed,udp6} late-{udp4,dns,frame,routed,udp6}
	initramfs freed armed plain || return
	closed freed {init,wake}-{udp4,dns,frame,routed,udp6}
	is "$(said freed late-udp4)" 1 "freed: it is armed no more, and sends" || why="freed: still held"
}

at_exit unreported
rm -rf "$dir"
mkdir -p "$dir"
must env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s install-programs "DESTDIR=$dir/root" PREFIX=/usr
ok "initramfs images are made" images || bail "no images"
not_armed
if [ -n "${MERLON_LEAK_CONTROL:-}" ] || armed; then
	report "$(verdict)"
else
	report "not tested"
fi
done_testing
