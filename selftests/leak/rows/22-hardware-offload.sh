#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# A flow that a network card forwards by itself never comes to this machine's
# packet path. No card that does is at hand.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=22 title="a flow offloaded to hardware"

row_outside
