#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# A driver in userspace, or a card's function given to somebody else, has its own
# way to the wire. What is done against it stands in the threat model.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=35 title="DPDK, VFIO, virtual functions, RDMA"

row_outside
