# SPDX-License-Identifier: GPL-2.0
# What bench/exit.jq and bench/control.jq share (jq -L bench).

def shown: if . == null then "–" elif (. | fabs) < 10 then . * 100 | round / 100
	elif (. | fabs) < 1000 then . * 10 | round / 10 else round end | tostring;
def number_order: split(".") | map(tonumber? // 0);
def row: "| " + join(" | ") + " |";
def table($heads): ($heads | row), ($heads | map("---") | row);
def times($a; $b): if $a and $b and $b > 0 then $a / $b else null end;
def median: sort | if length == 0 then null else .[length / 2 | floor] end;

# $values: of each kernel a list; met only where all are.
def goal($kernels; $values; $text; $aim; $unit; $at_most):
	($values | flatten) as $flat |
	[$text, "\(if $at_most then "≤" else "≥" end) \($aim)\($unit)",
		([range($kernels | length) | . as $i | "\($kernels[$i]): " +
			($values[$i] | map(shown + if . == null then "" else $unit end) | join(", "))] | join("; ")),
		if ($flat | length) == 0 or ($flat | any(. == null)) then "not measured"
		elif $flat | all(if $at_most then . <= $aim else . >= $aim end) then "met"
		else "**not met**" end] | row;
def head($title; $environment; $kernels):
	"# \($title)", "",
	"Written by `make bench` (bench/report); not by hand. Instructions of a guest whose clock counts them.",
	"Merlon \($environment.merlon), commit \($environment.commit), \($environment.date); \($kernels | join(", "));",
	"\($environment.compiler); \($environment.tools); \($environment.qemu | split("\n")[0]); on \($environment.cpu).";
