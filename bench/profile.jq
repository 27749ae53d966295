# SPDX-License-Identifier: GPL-2.0
# From what bench/profile measured and bench/functions named: docs/bench-profile.md; with
# $part "check" a line for what bench/exit, in another boot of that run, does not agree with.
include "tables";

.environment as $environment | .profile as $all | .exit as $exit |
($all | map(.series) | unique | sort_by(number_order)) as $kernels |
($all | map({key: "\(.series) \(.peer) \(.way)", value: .}) | from_entries) as $measured |
{"": "no connection tracking", "+nat": "with conntrack and NAT"} as $nats |
{merlon: "`tunnels`", "merlon-everything": "`everything`"} as $scopes |
["in", "out"] as $ways |

def whole_number: round | if . == 0 then 0 else . end | tostring;
def of($series; $peer; $way): $measured["\($series) \($peer) \($way)"];
# Of one packet, in the cheapest round.
def each: .packets as $packets | .functions | map_values(. / $packets);
def whole: (.counted | min) / .packets;
def clock: (.samples | min) / 100;
def added($series; $peer; $nat; $way; f):
	(of($series; $peer + $nat; $way) | f) - (of($series; "none" + $nat; $way) | f);

# By function: with Merlon less without it.
def differences($series; $peer; $nat; $way):
	(of($series; "none" + $nat; $way) | each) as $none | (of($series; $peer + $nat; $way) | each) as $with |
	$none + $with | with_entries(.value = ($with[.key] // 0) - ($none[.key] // 0));
# Whose it is: Merlon's own, netfilter's, or others', which do more where Merlon is.
def owner: split(" ") as [$m, $f] |
	if $m == "merlon" then "merlon"
	elif ($m | test("^(nf_|nft_|x_tables|ip6?_?table)")) or ($m == "kernel" and ($f | test("^_*nf_"))) then "netfilter"
	else "others" end;
def sum($whose): to_entries | map(select($whose == null or (.key | owner) == $whose) | .value) | add // 0;

# bench/exit's row, where that was measured too: of another boot.
def exit_row($series; $peer; $nat; $way):
	[$exit[]? | select(.series == $series and .peer == $peer + $nat and .family == 4 and .packet == "udp-64" and .way == $way)
		| .samples | min / 100][0];
def exit_added($series; $peer; $nat; $way):
	exit_row($series; $peer; $nat; $way) as $with | exit_row($series; "none"; $nat; $way) as $none |
	if $with and $none then $with - $none else null end;

def each_case: ("merlon", "merlon-everything") as $peer | ($nats | keys_unsorted[]) as $nat | $ways[] as $way | [$peer, $nat, $way];
# Within 2 % of the whole packet: what the slabs' lists make of it is up to 1 %.
def check: $kernels[] as $series | each_case as [$peer, $nat, $way] |
	added($series; $peer; $nat; $way; whole) as $here | exit_added($series; $peer; $nat; $way) as $there |
	(of($series; "none" + $nat; $way) | whole) as $whole |
	select($there != null and ($here - $there | fabs) > 0.02 * $whole) |
	"\($series): \($peer)\($nat), \($way): \($here | round) instructions are added, and \($there | round) in bench/exit";

def parts($series):
	table(["", "the whole packet without", "added", "in merlon.ko", "in netfilter", "in others", "added, by the clock", "by bench/exit"]),
	($nats | keys_unsorted[]) as $nat | ("merlon", "merlon-everything", "none-again") as $peer | $ways[] as $way |
	differences($series; $peer; $nat; $way) as $d |
	["\($scopes[$peer] // "nothing, once more"), \($nats[$nat]), \($way)",
		(of($series; "none" + $nat; $way) | whole | whole_number),
		(($d | sum(null), sum("merlon"), sum("netfilter"), sum("others")) | whole_number),
		(added($series; $peer; $nat; $way; clock) | whole_number),
		(exit_added($series; $peer; $nat; $way) | if . then whole_number else "–" end)] | row;

def functions($series; $nat):
	[["merlon", "merlon-everything"][] as $peer | $ways[] as $way | differences($series; $peer; $nat; $way)] as $columns |
	table(["module", "function", "`tunnels`: in", "out", "`everything`: in", "out"]),
	([$columns[] | keys[]] | unique | map(. as $at | {$at, cells: [$columns[] | .[$at] // 0]}) |
		map(select(.cells | any(fabs >= 3))) | sort_by(-(.cells | map(fabs) | max))[] |
		[(.at | split(" ")[0]), "`\(.at | split(" ")[1])`", (.cells[] | whole_number | if . == "0" then "" else . end)] | row);

# Where a packet is, without Merlon: by module.
def modules($series):
	[($nats | keys_unsorted[]) as $nat | $ways[] as $way | of($series; "none" + $nat; $way) | each | to_entries |
		group_by(.key | split(" ")[0]) | map({key: (.[0].key | split(" ")[0]), value: (map(.value) | add)}) | from_entries] as $columns |
	table(["module", (($nats[] | .) as $nat | "in, \($nat)", "out")]),
	([$columns[] | keys[]] | unique | map(. as $at | {$at, cells: [$columns[] | .[$at] // 0]}) |
		map(select(.cells | any(. >= 20))) | sort_by(-(.cells | max))[] | [.at, (.cells[] | whole_number)] | row);

def document:
	head("Where an exit node's instructions go"; $environment; $all | map(.kernel) | unique), "",
	"Each instruction that the kernel executes between the receiving of a packet and its sending, counted by QEMU's emulator",
	"(bench/plugin) in the cheapest of 24 rounds of 64 packets: 64 bytes, UDP in IPv4, the scene of",
	"[bench-exit.md](bench-exit.md). *in* is from the tunnel, *out* into it. A function has what is inlined into it. The guest's own",
	"clock is the judge: each round's sum agrees with it within 0.5 %, or the run fails. Raw: [bench-profile.json](bench-profile.json).",
	($kernels[] as $series |
		"", "## Kernel \($series)", "", "What Merlon adds, and whose it is:", "", parts($series),
		(($nats | keys_unsorted[]) as $nat | "", "Added by function, \($nats[$nat]), from three instructions on:", "",
			functions($series; $nat)),
		"", "Without Merlon, by module:", "", modules($series));

if ($kernels | length) == 0 then empty elif $part == "check" then check else document end
