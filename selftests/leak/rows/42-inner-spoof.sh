#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# A peer that sends with another peer's address.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=42 title="inner source spoofed, peer to peer behind the exit"

row_untested "needs an exit with a policy: it is not written yet"
