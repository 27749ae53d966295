#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# A client of an exit that chooses its source port so that NAT hands it what is
# meant for the exit's WireGuard port.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=41 title="port shadow on an exit (CVE-2021-3773)"

row_untested "needs an exit with a policy: it is not written yet"
