#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# Before networking comes up, after it has gone, and across a suspend.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=37 title="boot, shutdown, resume: before the daemon, after it"

row_untested "needs whole boots: it is not written yet"
