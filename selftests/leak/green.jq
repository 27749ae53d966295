# SPDX-License-Identifier: GPL-2.0
# From the rows' results: true where no row is red and there is one.
include "lib";

last_words | length > 0 and all(is_green($control))
