#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Fragments: of the kernel's making, made by hand (a first piece alone, a later
# piece alone), and the same from a container behind the node.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=3 title="IPv4 and IPv6 fragments"
ways=(big4 big6 first4 first6 later4 later6
	forwarded-big4 forwarded-big6 forwarded-first4 forwarded-first6
	forwarded-later4 forwarded-later6)

setup() { container; }

# piece OFFSET MORE: a piece of a datagram that is made by hand
piece() {
	local ext=()

	[ "$f" = 4 ] || ext=(ext=frag)
	leak_in "$from_ns" -s 800 hdrincl - src="$from" dst="${at[gw$f]}" \
		proto=udp sport=4000 dport=7777 ulen=1608 fragid=$((SRANDOM % 65535 + 1)) \
		offset="$1" more="$2" text="$marker" "${ext[@]}"
}

send() {
	local way=${1#forwarded-} from_ns=node from=${at[node$f]}

	[ "$way" = "$1" ] || from_ns=inner from=${at[inner$f]}
	case $way in
	big?) shoot udp - "${at[gw$f]}" 7777 -s 4000 ;;
	first?) piece 0 1 ;;
	later?) piece 800 0 ;;
	esac
}

row_run
