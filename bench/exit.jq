# SPDX-License-Identifier: GPL-2.0
# From what bench/exit measured: docs/bench-exit.md, and, with $part "goals", those lines.
include "tables";

.environment as $environment | .exit as $all |
($all | map(.series) | unique | sort_by(number_order)) as $kernels |
($all | map({key: "\(.series) \(.peer) \(.family) \(.packet) \(.way)", value: (.samples | min / 100)}) |
	from_entries) as $costs |
{both: "nftables, hash set, both ways", state: "nftables, `ct state established accept`, hash set",
 "bare-walk": "three hooks that do nothing", merlon: "**Merlon**, scope `tunnels`",
 "merlon-everything": "**Merlon**, scope `everything`", "none-again": "nothing, once more"} as $titles |
{"udp-64": "64 bytes", "udp-1392": "1392 bytes", "tcp-gso": "TCP, 62000 bytes at once"} as $packets |

def cost($series; $peer; $family; $packet; $way): $costs["\($series) \($peer) \($family) \($packet) \($way)"];
# One side's WireGuard: the same way with a tunnel, less without one.
def wireguard($series; $family; $packet; $way):
	cost($series; "none"; $family; $packet; $way) as $with |
	cost($series; "none"; $family; $packet; "plain-\($way)") as $without |
	if $with and $without then $with - $without else null end;
def added($series; $peer; $nat; $family; $packet; $way):
	cost($series; $peer + $nat; $family; $packet; $way) as $cost |
	cost($series; "none" + $nat; $family; $packet; $way) as $none |
	if $cost and $none then $cost - $none else null end;
def share($series; $peer; $nat; $family; $packet; $way):
	times(added($series; $peer; $nat; $family; $packet; $way) | if . and . <= 0 then null else . end;
	      wireguard($series; $family; $packet; $way)) | if . then . * 100 else null end;
def cell($series; $peer; $nat; $family; $packet; $way):
	added($series; $peer; $nat; $family; $packet; $way) as $added |
	wireguard($series; $family; $packet; $way) as $side |
	if $added and $side then "\($added | round) (\($added / $side * 100 | shown) %)" else "–" end;

def wireguards($series; $family):
	table(["IPv\($family)", ($packets[] | "\(.): in", "out")]),
	([ "without a tunnel", (($packets | keys_unsorted[]) as $p | ("in", "out") as $w |
		cost($series; "none"; $family; $p; "plain-\($w)") | shown)] | row),
	([ "with WireGuard", (($packets | keys_unsorted[]) as $p | ("in", "out") as $w |
		cost($series; "none"; $family; $p; $w) | shown)] | row),
	([ "one side's WireGuard", (($packets | keys_unsorted[]) as $p | ("in", "out") as $w |
		wireguard($series; $family; $p; $w) | shown)] | row);
def addeds($series; $family; $nat; $peers):
	table(["added\(if $nat == "" then "" else ", with conntrack and NAT" end)", ($packets[] | "\(.): in", "out")]),
	($peers[] as $peer | [$titles[$peer], (($packets | keys_unsorted[]) as $p | ("in", "out") as $w |
		cell($series; $peer; $nat; $family; $p; $w))] | row);

def document:
	head("What an exit node pays for a packet"; $environment; $all | map(.kernel) | unique), "",
	"All that the node does for a packet that it forwards, from its receiving to its sending, in whatever thread:",
	"*in* from the tunnel, *out* into it. What is added by each filter, and its share of what WireGuard costs on",
	"this side. For TCP of 62000 bytes, which come or leave as one where nothing splits them, of each segment.",
	"*Nothing, once more* is what the measurement cannot tell from nothing. The cheapest of 24 rounds of 64 packets",
	"(TCP: of 4). The same 1000 rules for all; how: [performance.md](performance.md).",
	"Raw samples: [bench-exit.json](bench-exit.json).",
	($kernels[] as $series | "", "## Kernel \($series)", ((4, 6) as $family |
		"", wireguards($series; $family),
		"", addeds($series; $family; ""; ["bare-walk", "both", "merlon", "merlon-everything", "none-again"]),
		"", addeds($series; $family; "+nat"; ["state", "merlon", "merlon-everything", "none-again"])));

def goals: table(["an exit node", "aim", "measured, IPv4", ""]), ([["merlon", "udp-1392", 2], ["merlon", "udp-64", 3.5],
	["merlon-everything", "udp-1392", 3.5], ["merlon-everything", "udp-64", 6]][] as [$peer, $packet, $aim] |
	goal($kernels; [$kernels[] as $series | [("", "+nat") as $nat | ("in", "out") as $way |
		share($series; $peer; $nat; 4; $packet; $way)]];
		"share of one side's WireGuard, \($packet[4:]) bytes, scope `\(if $peer == "merlon" then "tunnels" else "everything" end)`: in, out; with NAT in, out";
		$aim; " %"; true));

if ($all | length) == 0 then empty elif $part == "goals" then goals else document end
