# SPDX-License-Identifier: GPL-2.0
# From the rows' results: the table for a terminal.
include "lib";

def pad($n): . + (" " * ([$n - length, 0] | max));

def line:
	"\(if is_green($control) then "      " else "RED   " end)" +
	(.row | tostring | (" " * (2 - length)) + .) + "  " +
	(.title | .[0:62] | pad(64)) +
	(share("seen"; "ways") | pad(8)) + (share("leaked"; "tries") | pad(9)) +
	(share("allowed"; "checks") | pad(9)) + .verdict +
	(if (.why // "") != "" then ": " + .why else "" end);

last_words | group_by(.series) | sort_by(.[0].series | split(".") | map(tonumber)) | .[] |
	"",
	"\(.[0].kernel)",
	"         " + ("way out" | pad(65)) + ("gets out" | pad(9)) + ("leaked" | pad(8)) +
		("allowed" | pad(8)) + "verdict",
	(.[] | line),
	"\(map(select(is_green($control))) | length) green, " +
	"\(map(select(is_green($control) | not)) | length) red; " +
	"\(map(.tries // 0) | add) tries while armed, \(map(.leaked // 0) | add) seen outside"
