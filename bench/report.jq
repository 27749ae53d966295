# SPDX-License-Identifier: GPL-2.0
# From the measurements (bench/run): docs/bench.md, and, with $part, what goes into other
# files: "goals", "data" (for gnuplot, of $series and $family).

def best: .samples | min / 100;
def shown: if . == null then "–" elif . < 1000 then . * 10 | round / 10 else round end | tostring;
def number_order: split(".") | map(tonumber);

.environment as $environment | .measurements as $all |
($all | map(.series) | unique | sort_by(number_order)) as $kernels |
($all | map(.rules) | unique | map(select(. >= 10))) as $sizes |
($sizes | max) as $most |
($all | map({key: "\(.series) \(.peer) \(.rules) \(.family) \(.packet) \(.way)", value: best}) |
	from_entries) as $costs |

{linear: "nftables, linear rules", hash: "nftables, hash set", vmap: "nftables, verdict map",
 pipapo: "nftables, interval set (pipapo)", ipset: "iptables, ipset", ebpf: "eBPF at tc, LPM and hash",
 merlon: "**Merlon**", none: "no hook", bare: "a hook that does nothing", empty: "nftables, empty chain",
 "bare-deny": "a hook that drops", "bare-walk": "three hooks that do nothing",
 "none+ct": "conntrack alone", state: "conntrack, `ct state established accept`, hash set",
 "merlon+ct": "**Merlon**, where conntrack runs", flowtable: "nftables, flowtable",
 "merlon+flowtable": "**Merlon**, with a flowtable of nftables'"} as $titles |

def one($series; $peer; $rules; $family; $packet; $way):
	$costs["\($series) \($peer) \($rules) \($family) \($packet) \($way)"];
# Some: the mean of eight, of which none may be missing.
def cost($series; $peer; $rules; $family; $packet; $way):
	if $packet != "some" then one($series; $peer; $rules; $family; $packet; $way)
	else [range(1; 9) | one($series; $peer; $rules; $family; "some-\(.)"; $way)] |
		if all(. != null) then add / length else null end
	end;
def way_of($peer): if $peer == "ebpf" then "tc" else "forward" end;
# Over the same call with nothing in it.
def added($series; $peer; $rules; $family; $packet):
	cost($series; $peer; $rules; $family; $packet; way_of($peer)) as $cost |
	cost($series; "none"; 0; $family; "first"; way_of($peer)) as $none |
	if $cost and $none then $cost - $none else null end;
def added_on($way; $series; $peer; $family; $packet):
	cost($series; $peer; 1000; $family; $packet; $way) as $cost |
	cost($series; "none"; 1000; $family; $packet; $way) as $none |
	if $cost and $none then $cost - $none else null end;

def row: "| " + join(" | ") + " |";
def table($heads): ($heads | row), ($heads | map("---") | row);

def by_size($series; $family):
	table(["rules and peers", ($sizes[] | tostring)]),
	(("linear", "hash", "vmap", "pipapo", "ipset", "ebpf", "merlon") as $peer |
		[$titles[$peer], ($sizes[] | . as $size |
			added($series; $peer; $size; $family; "some") | shown)] | row);

def by_packet($series; $family):
	["first", "last", "udp", "established", "miss", "stranger"] as $packets |
	table(["with \($most) rules", $packets[]]),
	(("hash", "vmap", "pipapo", "ipset", "ebpf", "merlon") as $peer |
		[$titles[$peer], ($packets[] | . as $packet |
			added($series; $peer; $most; $family; $packet) | shown)] | row);

def floor($series; $family):
	table(["nothing to look up", "added"]),
	(("bare", "empty", "bare-deny") as $peer |
		[$titles[$peer], (added($series; $peer; 0; $family; "first") | shown)] | row);

def connections($series; $family):
	table(["a connection, 1000 rules", "forth", "back"]),
	(("bare-walk", "none+ct", "state", "merlon", "merlon+ct") as $peer |
		[$titles[$peer], (("udp", "udp-reply") as $packet |
			added_on("walk"; $series; $peer; $family; $packet) | shown)] | row);

def whole($series; $family):
	table(["forwarded, received to sent, 1000 rules", "all", "over no hooks"]),
	(("none", "none+ct", "hash", "state", "flowtable", "merlon", "merlon+ct", "merlon+flowtable") as $peer |
		[$titles[$peer], (cost($series; $peer; 1000; $family; "udp"; "whole") | shown),
			(added_on("whole"; $series; $peer; $family; "udp") | shown)] | row);

# ------------------------------------------------------------------------ goals

def times($a; $b): if $a and $b and $b > 0 then $a / $b else null end;
# A line for each kernel's value; met only where all are.
def goal($text; $aim; $unit; $at_most; f):
	[$kernels[] | [f]] as $values |
	($values | flatten) as $flat |
	[$text, "\(if $at_most then "≤" else "≥" end) \($aim)\($unit)",
		([range($kernels | length) | . as $i | "\($kernels[$i]): " +
			($values[$i] | map(shown + if . == null then "" else $unit end) | join(", "))] | join("; ")),
		if ($flat | length) == 0 or ($flat | any(. == null)) then "not measured"
		elif $flat | all(if $at_most then . <= $aim else . >= $aim end) then "met"
		else "**not met**" end] | row;

def verdict($series; $family; $size):
	cost($series; "merlon"; $size; $family; "some"; "forward") as $merlon |
	cost($series; "bare"; 0; $family; "first"; "forward") as $bare |
	if $merlon and $bare then $merlon - $bare else null end;
def known($family): . as $series |
	cost($series; "merlon+ct"; $most; $family; "udp"; "known") as $merlon |
	cost($series; "bare"; 0; $family; "first"; "forward") as $bare |
	if $merlon and $bare then $merlon - $bare else null end;
def growth($family):
	verdict(.; $family; 10) as $few | cost(.; "merlon"; 10; $family; "some"; "forward") as $all |
	if verdict(.; $family; $most) then (verdict(.; $family; $most) - $few) / $all * 100 else null end;
def against($peer): . as $series | [4, 6] | map(. as $family |
	times(added($series; $peer; $most; $family; "some"); added($series; "merlon"; $most; $family; "some")))[];
def rechecked: . as $series | [4, 6] | map(. as $family |
	times(added_on("walk"; $series; "state"; $family; "udp");
	      added($series; "merlon"; $most; $family; "established")))[];
def own_state($family): . as $series |
	added($series; "merlon"; $most; $family; "udp") as $udp |
	added($series; "merlon"; $most; $family; "some") as $tcp |
	if $udp and $tcp then $udp - $tcp else null end;
def over_empty: . as $series | [4, 6] | map(. as $family |
	added($series; "merlon"; $most; $family; "some") as $merlon |
	added($series; "empty"; 0; $family; "first") as $empty |
	if $merlon and $empty then $merlon - $empty else null end)[];

def goals:
	table(["goal", "aim", "measured: IPv4, IPv6", ""]),
	goal("a verdict with \($most) rules and peers, over a bare hook, IPv4"; 130; ""; true; verdict(.; 4; $most)),
	goal("the same, IPv6"; 180; ""; true; verdict(.; 6; $most)),
	goal("where conntrack knows the connection, IPv4"; 130; ""; true; known(4)),
	goal("the same, IPv6"; 180; ""; true; known(6)),
	goal("the hook is cheaper than nftables' hash set"; 3; "×"; false; against("hash")),
	goal("than pipapo"; 250; "×"; false; against("pipapo")),
	goal("and no dearer than nftables' empty chain"; 0; ""; true; over_empty),
	goal("growth from 10 rules to \($most)"; 5; " %"; true; growth(4), growth(6)),
	goal("each packet judged, against `ct state established accept`"; 6; "×"; false; rechecked),
	goal("own state for replies, without conntrack, IPv4"; 140; ""; true; own_state(4)),
	(["the same, IPv6", "", ([$kernels[] | "\(.): \(own_state(6) | shown)"] | join("; ")), "no aim"] | row),
	goal("with a flowtable and Merlon, over forwarding with no hooks"; 0; ""; true;
		added_on("whole"; .; "merlon+flowtable"; 4; "udp"), added_on("whole"; .; "merlon+flowtable"; 6; "udp"));

def document:
	"# What a packet costs", "",
	"Written by `make bench` (bench/report); not by hand. Instructions for a packet, over the same call with",
	"no hook; the cheapest of eight rounds. All peers hold the same policy, and each verdict was checked",
	"before it was counted. Raw samples: [bench.json](bench.json). Why, and how: [performance.md](performance.md).", "",
	"Merlon \($environment.merlon), commit \($environment.commit), \($environment.date); " +
		"\($all | map(.kernel) | unique | join(", ")); \($environment.tools); \($environment.qemu | split("\n")[0]).",
	($kernels[] | . as $series |
		"", "## Kernel \($series)",
		((4, 6) as $family |
			"", "### IPv\($family)", "", "![IPv\($family)](bench-\($series)-ipv\($family).svg)", "",
			"At FORWARD (eBPF: at tc), TCP packets that eight rules allow, which are evenly apart; the mean:", "",
			by_size($series; $family), "",
			by_packet($series; $family), "",
			floor($series; $family), "",
			connections($series; $family), "",
			whole($series; $family))),
	"",
	"*first*, *last*: a SYN that this rule allows. *udp*: a UDP packet. *established*: an ACK of the first.",
	"*miss*: known addresses, another port; *stranger*: an unknown source: both are dropped, which frees nothing",
	"here but a reference. *forth*, *back*: PRE_ROUTING, FORWARD and POST_ROUTING together, for a UDP packet of a",
	"connection that was answered. A dash was not measured: too long, or judged otherwise than the policy.";

def data: $sizes[] as $size |
	[$size, (("linear", "hash", "vmap", "pipapo", "ipset", "ebpf", "merlon") as $peer |
		added($series; $peer; $size; $family | tonumber; "some") // "NaN")] | map(tostring) | join(" ");

if $part == "goals" then goals elif $part == "data" then data
elif $part == "kernels" then $kernels[] else document end
