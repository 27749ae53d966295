#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# DNS over HTTPS to a resolver that everybody knows, by TCP and by QUIC.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=17 title="DoH to known resolvers, 443 TCP and QUIC"
ways=(device-tcp4 device-tcp6 device-udp4 device-udp6 tunnel-tcp4 tunnel-tcp6
	tunnel-udp4 tunnel-udp6)

send() { resolve "$1" 443; }

row_run
