#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# DNS over TLS and over QUIC.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=16 title="DoT and DoQ, 853"
ways=(device-tcp4 device-tcp6 device-udp4 device-udp6 tunnel-tcp4 tunnel-tcp6
	tunnel-udp4 tunnel-udp6)

send() { resolve "$1" 853; }

row_run
