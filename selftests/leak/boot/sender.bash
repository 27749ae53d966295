# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What sends at the stages of a boot. Sourced by prepare and image.

hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }

# A query for the TXT record of LABEL.example.com
query() {
	printf '4d4c01000001000000000000%02x%s076578616d706c6503636f6d0000100001' \
		${#1} "$(hex "$1")"
}

# write_sender DIR MARKER STAGE...: DIR/send STAGE, for any shell. Nothing there
# waits for an address but what is routed. And DIR/gone STAGE: what was sent so far
# has left the card. What waits for a neighbour is given to it, or up; then a frame
# that may leave also when armed, as a DHCP client's, is in the capture, /out/pcap. 1:
# after half a minute it is not.
write_sender() {
	local dir=$1 marker=$2 stage

	mkdir -p "$dir"
	cp build/user/tools/leakpkt "$dir/"
	for stage in "${@:3}"; do
		query "$marker-$stage-dns" >"$dir/$stage.dns"
		query "$marker-$stage-routed" >"$dir/$stage.routed"
		echo "0b000000$(hex "$marker-$stage-gone")" >"$dir/$stage.gone"
	done
	cat >"$dir/send" <<-END
		#!/bin/sh
		# send STAGE
		cd $dir
		ip link set eth0 up
		./leakpkt udp eth0 dst=255.255.255.255 dport=7777 text=$marker-\$1-udp4
		./leakpkt -x "\$(cat \$1.dns)" udp eth0 dst=255.255.255.255 dport=53
		./leakpkt packet eth0 src=192.0.2.1 dst=192.0.2.2 proto=udp sport=9 dport=9 \\
			text=$marker-\$1-frame
		./leakpkt udp eth0 dst=ff02::1 dport=7777 text=$marker-\$1-udp6
		./leakpkt -x "\$(cat \$1.routed)" udp - dst=10.0.2.3 dport=53
		exit 0
	END
	cat >"$dir/gone" <<-END
		#!/bin/sh
		cd $dir
		tries=600
		waits() {
			tries=\$((tries - 1))
			[ \$tries -gt 0 ] && sleep 0.05
		}
		while ip -4 neigh show dev eth0 nud incomplete | grep -q .; do waits || exit 1; done
		./leakpkt -x "\$(cat \$1.gone)" packet eth0 src=fe80::1 dst=ff02::1:2 proto=udp \\
			sport=546 dport=547
		until grep -aqF $marker-\$1-gone /out/pcap; do waits || exit 1; done
	END
	chmod 755 "$dir/send" "$dir/gone"
}
