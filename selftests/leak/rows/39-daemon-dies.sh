#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# The policy goes on without its daemon, until it expires.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=39 title="daemon SIGKILL, out of memory, upgrade, stopped for good"

row_untested "needs a policy, and the daemon: it is not written yet"
