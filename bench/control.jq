# SPDX-License-Identifier: GPL-2.0
# From what bench/control, bench/revoke and bench/control-native measured:
# docs/bench-control.md, and, with $part "goals", those lines.
include "tables";

.environment as $environment | .control as $all |
($all | map(.series) | unique | map(select(. != "native")) | sort_by(number_order)) as $kernels |
($all | map(select(.what == "load" and .series != "native") | .rules) | unique) as $sizes |
($sizes | max) as $most |
{merlon: "**Merlon**", hash: "nftables, hash set", pipapo: "nftables, interval set (pipapo)",
 linear: "nftables, linear rules"} as $titles |

def find($series; $peer; $rules; $what):
	[$all[] | select(.series == $series and .peer == $peer and .rules == $rules and .what == $what)] | first;
def all_of: .command + .others + .kernel;
def spent($series; $peer; $rules; $what):
	find($series; $peer; $rules; $what) | if . then .samples | map(all_of) | median else null end;
def millions: if . then . / 1e6 else null end;
def stage($series; $rules): find($series; "merlon"; $rules; "stages") | .samples[0];
# begin, chunks and commit: what the kernel does of a load, and the asking for it
def pushed($series; $rules): stage($series; $rules) | if . then .begin + .chunks + .commit else null end;

def by_size($series; $what; $peers):
	table(["rules", ($sizes[] | tostring)]),
	($peers[] as $peer | [$titles[$peer], ($sizes[] as $size |
		spent($series; $peer; $size; $what) | millions | shown)] | row);
def who($series):
	table(["load of \($most) rules", "command", "of that in user mode", "merlond", "kernel threads"]),
	(("merlon", "hash", "pipapo") as $peer | find($series; $peer; $most; "load") |
		if . then .samples[0] as $s | [$titles[$peer], ($s.command | millions | shown),
			($s.user | millions | shown), ($s.others | millions | shown), ($s.kernel | millions | shown)] | row
		else empty end);
def stages($series):
	["read", "verify", "check", "tables", "begin", "chunks", "commit"] as $names |
	table(["Merlon's stages, rules", $names[]]),
	($sizes[] as $size | stage($series; $size) as $s | [($size | tostring), ($names[] as $n | $s[$n] | millions | shown)] | row);

def memory_of($series; $peer; $size): find($series; $peer; $size; "memory") | if . then .samples[0] else null end;
def addresses($size): memory_of($kernels[0]; "merlon"; $size) | if . then .addresses else null end;
def said($series; $size): memory_of($series; "merlon"; $size) |
	if . then .said / ($size + .addresses) else null end;
def memory($series):
	table(["bytes for each rule and address", ($sizes[] | tostring)]),
	(["Merlon, as the module says", ($sizes[] as $size | said($series; $size) | shown)] | row),
	(("merlon", "hash", "pipapo", "linear") as $peer | ["\($titles[$peer]), as the kernel's memory grew",
		($sizes[] as $size | memory_of($series; $peer; $size) |
			if . then .taken / ($size + addresses($size)) else null end | shown)] | row);
def revocation($series):
	{merlon: "**Merlon**, another bundle", state: "nftables, element deleted", flush: "and `conntrack -F`"} as $names |
	([$all[] | select(.series == $series and .peer == "merlon" and .what == "revoke")] | first | .samples // []) as $heads |
	table(["connections in conntrack", ($heads[] | "\(.connections): cost", "passed after the answer")]),
	(($names | keys_unsorted[]) as $peer | find($series; $peer; 1000; "revoke") | if . then
		[$names[$peer], (.samples[] | (all_of | millions | shown), "\(.passed) of \(.given)")] | row else empty end);
def daemon($series):
	find($series; "merlon"; $most; "processes") as $p | find($series; "merlon"; $most; "idle") as $i |
	if $p and $i then
	"merlond with \($most) rules: three processes with \($p.samples | map(.rss) | add) kB resident, \($p.samples | map(.pss) | add) kB as they share (PSS); "
	+ "in 60 idle seconds \($i.samples[0].others | millions | shown) million instructions." else empty end;

def spread: "\(median | . / 1e6 | shown) (\(min / 1e6 | shown) to \(max / 1e6 | shown))";
def native:
	([$all[] | select(.series == "native" and .what == "stages")] | first) as $ours |
	([$all[] | select(.series == "native" and .what == "load")] | first) as $theirs |
	if $ours then
	"", "## On this machine's own processor", "",
	"With \($ours.rules) rules, in turn, milliseconds of processor: median, and from the least to the most. Merlon's is what runs",
	"here: reading, verifying, checking and building tables. The client, merlond's own bookkeeping and what the kernel",
	"does to take the image do not run here, and are missing. nftables' is whole, by kernel \($ours.kernel).", "",
	table(["", "ms"]),
	(("read", "verify", "check", "tables") as $n | ["Merlon: \($n)", ($ours.samples | map(.[$n]) | spread)] | row),
	(["Merlon: these together", ($ours.samples | map(.read + .verify + .check + .tables) | spread)] | row),
	(if $theirs then ["nftables, hash set", ($theirs.samples | map(.command) | spread)] | row else empty end)
	else empty end;

def document:
	head("What a change of policy costs"; $environment; $all | map(select(.series != "native") | .kernel) | unique), "",
	"Millions of instructions, of all processes and kernel threads together. Merlon: from a signed bundle in a file until",
	"the kernel has published it: the client, merlond, the kernel. nftables: `nft -f` of the same rules; a change is one",
	"element deleted and another added. Merlon's change is a new bundle, which is loaded whole.",
	"Of *user mode* the kernel knows by looking 250 times a second. How: [performance.md](performance.md).",
	"Raw samples: [bench-control.json](bench-control.json).",
	($kernels[] as $series | "", "## Kernel \($series)",
		"", "Load:", "", by_size($series; "load"; ["merlon", "hash", "pipapo", "linear"]),
		"", who($series),
		"", "One rule changed:", "", by_size($series; "change"; ["merlon", "hash", "pipapo"]),
		"", "Where it goes, without client and merlond; *check* and *tables* are the classifier, here in user mode, and once",
		"more within *commit*:", "", stages($series),
		"", memory($series),
		"", "A rule of 1000 is taken back while 64 packets that it allowed are held at the wire:", "",
		revocation($series),
		"", daemon($series)),
	native;

# No processor runs 20 million instructions in a millisecond.
def by_time($text; $ms; $values):
	[$text, "≤ \($ms) ms", ([range($kernels | length) | . as $i |
		"\($kernels[$i]): \($values[$i] | millions | shown) million instructions"] | join("; ")),
		if $values | any(. == null) then "not measured"
		elif $values | all(. > 20e6 * $ms) then "**not met**: more than any processor runs in that time"
		else "not comparable" end] | row;
def each(f): [$kernels[] | [f]];

def goals:
	table(["a change of policy", "aim", "measured", ""]),
	([$all[] | select(.series == "native" and .what == "stages")] | first) as $ours |
	(if $ours then ($ours.samples | map(.read + .verify + .check + .tables) | median / 1e6) as $ms |
		["load of \($ours.rules) rules, natively", "≤ 150 ms", "\($ms | shown) ms for what runs natively: no client, merlond or kernel",
			if $ms > 150 then "**not met**" else "in part" end] | row else empty end),
	goal($kernels; each(. as $s | times(spent($s; "hash"; $most; "load"); spent($s; "merlon"; $most; "load")));
		"load of \($most) rules, cheaper than nftables' hash set"; 10; "×"; false),
	goal($kernels; each(. as $s | times(spent($s; "linear"; 10000; "load"); spent($s; "merlon"; 10000; "load")));
		"load of 10000 rules, cheaper than linear rules"; 45; "×"; false),
	by_time("one rule of \($most) changed, in the kernel (all is loaded anew)"; 1; [$kernels[] | pushed(.; $most)]),
	by_time("other changes, \($most) rules, in the kernel"; 30; [$kernels[] | pushed(.; $most)]),
	goal($kernels; [$kernels[] as $s | find($s; "merlon"; 1000; "revoke") | [(.samples // [])[] | .passed]];
		"packets that pass after the answer to a revocation, of 64"; 0; ""; true),
	goal($kernels; each(said(.; $most)); "memory for each rule and address, \($most) rules"; 64; " bytes"; true);

if ($kernels | length) == 0 then empty elif $part == "goals" then goals else document end
