# SPDX-License-Identifier: GPL-2.0
# What table.jq, document.jq and green.jq share.

# Several lines of one row on one kernel: the last one counts.
def last_words:
	group_by([.series, .row]) | map(last) |
	sort_by([(.series | split(".") | map(tonumber)), .row]);

# Not armed there is nothing but the control to pass.
def is_green($control):
	if $control != "" then IN(.verdict; "leaks", "stated", "held", "measured")
	else IN(.verdict; "held", "alarm", "stated", "measured") end;

def share($part; $whole):
	if .ways then "\(.[$part])/\(.[$whole])" else "-" end;
