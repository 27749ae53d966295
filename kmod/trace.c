// SPDX-License-Identifier: GPL-2.0
#include <linux/netdevice.h>

#include "parse.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
