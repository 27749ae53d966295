# SPDX-License-Identifier: GPL-2.0
# From what bench/native measured: docs/bench-native.md, and, with $part, what goes into
# other files: "goals", "data" (for gnuplot, of $family: rules, and for each peer the
# median, first and third quartile).
include "tables";

# ------------------------------------------------------------------------ numbers

# Between two values, where there is none in the middle.
def quantile($q): sort | if length == 0 then null else
	((length - 1) * $q) as $at | ($at | floor) as $low | ([$low + 1, length - 1] | min) as $high |
	.[$low] + (.[$high] - .[$low]) * ($at - $low) end;
def middle: quantile(0.5);
def spread: if length == 0 then "–" else
	"\(middle | shown) (\(quantile(0.25) | shown) to \(quantile(0.75) | shown))" end;
# What was measured in the same turn.
def paired($a; $b; f): if $a and $b and ($a | length) == ($b | length)
	then [range($a | length) | [$a[.], $b[.]] | f] else [] end;

.environment as $environment | .hooks as $hooks | .exit as $exit | .control as $control |
($hooks | map(.rules) | unique) as $sizes | ($sizes | max) as $most |
($hooks | map({key: "\(.peer) \(.rules) \(.family) \(.packet)", value: (.samples | map(. / 100))}) |
	from_entries) as $costs |
["linear", "hash", "vmap", "pipapo", "ipset", "merlon"] as $policies |
{none: "no hook", bare: "a hook that does nothing", empty: "nftables, empty chain",
 linear: "nftables, linear rules", hash: "nftables, hash set", vmap: "nftables, verdict map",
 pipapo: "nftables, interval set (pipapo)", ipset: "iptables, ipset", merlon: "**Merlon**"} as $titles |

# -------------------------------------------------------------------------- hooks

def cost($peer; $size; $family; $packet): $costs["\($peer) \($size) \($family) \($packet)"];
# Nanoseconds over the same call with no hook, in each turn.
def added($peer; $size; $family; $packet):
	paired(cost($peer; $size; $family; $packet); cost("none"; $size; $family; $packet); .[0] - .[1]);
def against($reference; $peer; $size; $family; $packet):
	paired(added($peer; $size; $family; $packet); added($reference; $size; $family; $packet);
		if .[1] > 0 then .[0] / .[1] else empty end);
def growth($peer; $family; $packet):
	times(added($peer; $most; $family; $packet) | middle; added($peer; $sizes[0]; $family; $packet) | middle);

def by_size($head; $peers; f): table([$head, ($sizes[] | tostring)]),
	($peers[] as $peer | [$titles[$peer], ($sizes[] as $size | [$peer, $size] | f | spread)] | row);
def growths($peers): table(["from \($sizes[0]) rules to \($most), times", "IPv4, all flows", "one flow", "IPv6, all flows", "one flow"]),
	($peers[] as $peer | [$titles[$peer], ((4, 6) as $family | ("many", "one") as $packet |
		growth($peer; $family; $packet) | shown)] | row);
def hooks_of($family; $packet):
	"", "### IPv\($family), \(if $packet == "many" then "packets of all rules, in random order" else "packets of one flow" end)", "",
	by_size("nanoseconds, rules and peers:"; ["bare", "empty"] + $policies; added(.[0]; .[1]; $family; $packet)), "",
	by_size("times a hook that does nothing:"; ["empty"] + $policies; against("bare"; .[0]; .[1]; $family; $packet)), "",
	by_size("times Merlon's:"; $policies - ["merlon"] + ["empty"]; against("merlon"; .[0]; .[1]; $family; $packet));
def hooks:
	"", "## A packet at FORWARD", "",
	"Over the same call with no hook, in the same turn; median and quartiles of \($hooks[0].samples | length) turns.",
	((4, 6) as $family | "", "![IPv\($family)](bench-native-ipv\($family).svg)", hooks_of($family; ("many", "one"))),
	"", "### Growth", "", growths(["hash", "vmap", "pipapo", "ipset", "merlon"]),
	"", "Clock: the processor's time of the thread that the kernel is, by the host. In the least disturbed round of each measurement",
	"it went \($hooks | map(.clock) | "\(min) to \(max)") thousandths of what the TSC did; either went backwards \($hooks | map(.backwards) | add) times.";

# --------------------------------------------------------------------------- exit

{"bare-walk": "three hooks that do nothing", both: "nftables, hash set, both ways", merlon: "**Merlon**, scope `tunnels`",
 "merlon-everything": "**Merlon**, scope `everything`", "none-again": "nothing, once more"} as $filters |
{"udp-64": "64 bytes", "udp-1392": "1392 bytes", "tcp-gso": "TCP, 62000 bytes at once",
 "many-64": "64 bytes", "many-1392": "1392 bytes"} as $packets |
# A number for each turn, which is a line.
def turns($peer; $family; $packet; $way): [$exit[] |
	select(.peer == $peer and .family == $family and .packet == $packet and .way == $way) | .samples | middle / 100];
# Per cent of the packets that a processor carries in a second.
def loss($peer; $family; $packet; $way):
	paired(turns($peer; $family; $packet; $way); turns("none"; $family; $packet; $way); (1 - .[1] / .[0]) * 100);
def rates($family; $kinds; $ways): [("bare WireGuard, nanoseconds for a packet" | .),
	($kinds[] as $p | $ways[] as $w | turns("none"; $family; $p; $w) | spread)] | row;
def losses($family; $kinds; $ways):
	table(["IPv\($family)", ($kinds[] as $p | $ways[] as $w | "\($packets[$p]): \($w)")]),
	rates($family; $kinds; $ways),
	(($filters | keys_unsorted[]) as $peer | [$filters[$peer] + ", loss in %",
		($kinds[] as $p | $ways[] as $w | loss($peer; $family; $p; $w) | spread)] | row);
def turn_count($packet): turns("none"; 4; $packet; "in") | length;
def exits: if ($exit | length) == 0 then empty else
	"", "## Throughput of an exit node", "",
	"What the node does for packets that it forwards with real WireGuard, received to sent: *in* from the tunnel, *out* into it.",
	"The loss of throughput is what fewer packets a second of processor carries than with no filter, in the same turn; median",
	"and quartiles of \(turn_count("udp-64")) turns. *Nothing, once more* is noise.", "",
	((4, 6) as $family | losses($family; ["udp-64", "udp-1392", "tcp-gso"]; ["in", "out"]), ""),
	"Packets of all UDP rules of a policy of \($exit | map(.rules) | max), in random order, \(turn_count("many-64")) turns:", "",
	((4, 6) as $family | losses($family; ["many-64", "many-1392"]; ["in"]), "") end;

# ------------------------------------------------------------------------ control

def samples($series; $peer; $what): [$control[] |
	select(.series == $series and .peer == $peer and .what == $what) | .samples[]];
def milliseconds: map(. / 1e6);
def stage($series; $name): samples($series; "merlon"; "stages") | map(.[$name] // empty);
def um($peer): samples("6.12-um"; $peer; "load");
def here($peer): samples("native"; $peer; "load") | map(.command);	# nanoseconds of processor
def load_row($title; $values): if ($values | length) == 0 then empty else [$title, ($values | milliseconds | spread)] | row end;
def controls: if (um("merlon") | length) == 0 then empty else
	"", "## A load of \($control | map(.rules) | max) rules", "",
	"Milliseconds: median and quartiles of \(um("merlon") | length) turns, from a signed bundle in a file until the kernel has",
	"published it, and `nft -f` of the same rules, kernel and all, in user-mode Linux: there a system call and a page fault",
	"cost a process several times of what they cost elsewhere, so that these are upper bounds.", "",
	table(["a load in user-mode Linux, whole", "ms"]),
	load_row("**Merlon**: client, merlond, kernel"; um("merlon")),
	load_row("nftables, hash set"; um("hash")), load_row("nftables, pipapo"; um("pipapo")),
	load_row("nftables, hash set, on this machine itself, kernel \($environment.host)"; here("hash")), "",
	table(["Merlon's stages, without client and merlond", "user-mode Linux", "this machine"]),
	(("read", "verify", "check", "tables", "begin", "chunks", "commit") as $name |
		[$name, (("6.12-um", "native") as $s | stage($s; $name) | milliseconds | spread)] | row), "",
	"*read* and *verify* are merlond's, *check* and *tables* the classifier in a process; *begin*, *chunks* and *commit* the",
	"kernel's, whose check and tables are within *commit*. On this machine itself the module does not run." end;

# -------------------------------------------------------------------------- goals

def verdict($ok): if $ok == null then "not measured" elif $ok then "met" else "**not met**" end;
def list(unit): map(if . == null then "–" else "\(shown)\(unit)" end) | join(", ");
def growth_goal($packet; $text):
	[4, 6 | growth("merlon"; .; $packet)] as $values |
	["growth from \($sizes[0]) rules to \($most), \($text)", "≤ 1.5×", "\($values | list("×"))",
		verdict(if $values | any(. == null) then null else $values | all(. <= 1.5) end)] | row;
def loss_goal($packet; $ways): [(4, 6) as $family | $ways[] as $way |
		{loss: (loss("merlon"; $family; $packet; $way) | middle), noise: (loss("none-again"; $family; $packet; $way) | middle)}] as $values |
	["throughput loss, \($packets[$packet])\(if $packet | startswith("many") then " of all rules" else "" end): \($ways | join(", "))", "≤ 1 %",
		"\($values | map(.loss) | list(" %")); nothing once more: \($values | map(.noise) | list(" %"))",
		verdict(if $values | any(.loss == null) then null else $values | all(.loss <= 1) end)] | row;
# The kernel's part in user-mode Linux, and the process's on this machine.
def load_parts: (["read", "verify"] | map(. as $n | stage("native"; $n) | middle)) +
	(["begin", "chunks", "commit"] | map(. as $n | stage("6.12-um"; $n) | middle)) |
	if any(. == null) then null else add / 1e6 end;
def goals:
	table(["natively", "aim", "measured: IPv4, IPv6", ""]),
	growth_goal("one"; "one flow"), growth_goal("many"; "packets of all rules"),
	loss_goal(("udp-1392", "udp-64", "tcp-gso"); ["in", "out"]), loss_goal("many-1392"; ["in"]),
	((um("merlon") | middle) as $whole | load_parts as $parts |
	["load of \($control | map(.rules) | max // "100000") rules", "≤ 150 ms",
		"\(if $whole then $whole / 1e6 | shown else "–" end) ms in user-mode Linux, whole; \($parts | shown) ms for reading and verifying here and the kernel's part there",
		verdict(if $whole then $whole / 1e6 <= 150 else null end)] | row),
	(paired(um("hash"); um("merlon"); .[0] / .[1]) | middle) as $times |
	["the same, against `nft -f` of a hash set", "≥ 10×", "\($times | shown)× in user-mode Linux", verdict(if $times then $times >= 10 else null end)] | row;

def document:
	"# What a packet costs, natively", "",
	"Written by `make bench-native` (bench/native-report); not by hand. In user-mode Linux, on one of the machine's own",
	"processors, with its caches: what `make bench` cannot see, which counts instructions. Nothing but ratios of one turn means",
	"much here. The eBPF peer is left out: user-mode Linux does not compile BPF. What else it does otherwise than a kernel, and in",
	"whose favour, is in [performance.md](performance.md).",
	"Raw samples: [bench-native.json](bench-native.json).", "",
	"Merlon \($environment.merlon), commit \($environment.commit), \($environment.date); \($environment.kernel); \($environment.compiler);",
	"\($environment.tools); on \($environment.cpu) (\($environment.caches)), Linux \($environment.host).",
	if ($hooks | length) > 0 then hooks else empty end, exits, controls;

def data: ($family | tonumber) as $family | $sizes[] as $size |
	[$size, ($policies[] as $peer | added($peer; $size; $family; "many") |
		(middle, quantile(0.25), quantile(0.75)) | . // "NaN")] | map(tostring) | join(" ");

if $part == "goals" then goals elif $part == "data" then data else document end
