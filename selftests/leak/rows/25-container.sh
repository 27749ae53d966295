#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# What a container sends is forwarded.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=25 title="forwarded from a container"
ways=(udp4 udp6 tcp4 tcp6 icmp4 icmp6 hdrincl4 hdrincl6)
from_ns=inner

setup() { container; }

send() {
	local from=${at[inner$f]}

	shoot "${1%?}" - "${at[gw$f]}" 7777
}

row_run
