# SPDX-License-Identifier: GPL-2.0
# From the rows' results: docs/leaks.md.
include "lib";

def cell: if is_green("") then .verdict else "**RED**: " + .verdict end
	+ (if (.why // "") != "" then " (" + .why + ")" else "" end);

def line:
	"| \(.row) | \(.title) | \(share("seen"; "ways")) | \(share("leaked"; "tries")) | " +
	"\(share("allowed"; "checks")) | \(cell) |";

last_words as $rows |
"# Ways out, measured",
"",
"Written by `make leak-test`, from one run; not by hand. Merlon \($merlon), state `\($state)`: armed for",
"everything, enforcing, \(if $state == "lockdown" then "without a policy" else "with a policy" end). Kernels: \($versions).",
"",
"Each row was tried in several ways (`selftests/leak/rows/`), IPv4 and IPv6 where both exist. The judge is a capture on the",
"far side of the link, outside the guarded namespace, which looks for bytes that are of one try alone.",
"",
"- *gets out*: ways that were seen outside while Merlon was not armed, before and again after. All of them, or the row is red.",
"- *leaked*: tries while armed that were seen outside. *allowed*: what must pass all the same, seen to pass.",
"- *held*: none was seen. *alarm*: the frames that were seen meet no packet hook; `merlon status` named each hole, under that",
"  word, within a second of its opening, and not before.",
"- *stated*, *measured*: no packet hook sees it; the [threat model](threat-model.md) says what remains.",
"- **RED** is what leaked, what was too tight, and what could not be tested.",
($rows | group_by(.series) | sort_by(.[0].series | split(".") | map(tonumber)) | .[] |
	"",
	"## \(.[0].kernel)",
	"",
	"\(map(select(is_green(""))) | length) of \(length) rows green; \(map(.tries // 0) | add) tries while armed, " +
	"\(map(.leaked // 0) | add) seen outside.",
	"",
	"| # | way | gets out | leaked | allowed | verdict |",
	"|---|---|---|---|---|---|",
	(.[] | line)),
"",
"## While things change",
"",
"`selftests/leak/transitions.sh`: a flood tries to get out in four ways, as routing decides, by the device, with WireGuard's mark",
"and as a frame, by IPv4 and IPv6, while something changes; after each change what is permitted passes. Tries, and how many of",
"them were seen outside:",
"",
($transitions | map(.kernel) | unique) as $kernels |
"| while | times | " + ($kernels | map("\(.): tries | seen") | join(" | ")) + " |",
"|---|---|" + ($kernels | map("---|---|") | join("")),
(reduce $transitions[] as $t ([]; if any(.what == $t.what) then . else . + [$t] end) | .[] |
	. as $t | "| \(.what) | \(.times) | " + ($kernels | map(. as $k |
		$transitions | map(select(.kernel == $k and .what == $t.what)) |
		if length == 1 then "\(.[0].tried) | \(.[0].seen)" else "**RED**: not tried | -" end) |
		join(" | ")) + " |"),
"| all | | " + ($kernels | map(. as $k | $transitions | map(select(.kernel == $k)) |
	"\(map(.tried) | add) | \(map(.seen) | add)") | join(" | ")) + " |",
"",
"## Everything at once",
"",
"`selftests/netns/concurrency.sh`: on two processors policies are loaded, rules dumped, packets explained, armed namespaces made",
"and deleted, and packets sent. A dump is of one generation whole or says that it was interrupted; every explanation is of one.",
"",
"| kernel | | seconds | loads | dumps, interrupted | explanations | namespaces | permitted, lost | denied, seen |",
"|---|---|---|---|---|---|---|---|---|",
($concurrency[] | "| \(.kernel) | \(.what) | \(.seconds) | \(.loads) | \(.dumps), \(.interrupted) | \(.explains) | " +
	"\(.namespaces) | \(.permitted), \(.lost) | \(.denied), \(.seen) |"),
"",
"## What the guards cost",
"",
"`selftests/cost/guard.sh`: instructions per call of netfilter for a permitted IPv4 packet in scope `everything`, counted by the",
"emulated processor, beside a hook that does nothing, in one boot.",
"",
"| kernel | egress: no hook | bare hook | Merlon | Merlon, seen by conntrack | POST_ROUTING: no hook | bare hook | Merlon, by a rule of the guard |",
"|---|---|---|---|---|---|---|---|",
($cost[] | "| \(.kernel) | \(.egress.none) | \(.egress.bare) | \(.egress.merlon) | \(.egress.seen) | " +
	"\(.post.none) | \(.post.bare) | \(.post.merlon) |")
