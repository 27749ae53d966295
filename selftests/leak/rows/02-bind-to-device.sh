#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# Bound to the physical device, a socket asks no policy routing.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=2 title="SO_BINDTODEVICE to the physical device"
ways=(udp4 udp6 tcp4 tcp6 icmp4 icmp6 hdrincl4 hdrincl6)

send() { shoot "${1%?}" eth0 "${at[out$f]}" 7777; }

row_run
