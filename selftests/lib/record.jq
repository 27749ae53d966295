# SPDX-License-Identifier: GPL-2.0
# docs/test-long.json (selftests/lib/record) → docs/test-long.md

def row: "| " + join(" | ") + " |";
def table($heads): ($heads | row), ($heads | map("---") | row);
def of($figure): [.[] | .figures[] | select(.figure == $figure)];
def red: if . == 0 then "0" else "**\(.)**" end;

of("transitions") as $transitions | of("concurrency") as $concurrency | of("faults") as $faults |
of("latency") as $latency | of("connections") as $connections |
"# What the long tests found",
"",
"Written by `make test-long` (or `selftests/run-all --long GROUP`), each group by its last run; not by hand.",
"",
table(["group", "passed", "failed", "minutes", "commit", "date"]),
(.[] | ["`\(.group)`", "\(.passed)", (.failed | red), "\(.seconds / 60 | round)", .commit, .date] | row),
if ($transitions | length) == 0 then empty else
	"",
	"## Transitions under a flood",
	"",
	"`selftests/leak/transitions.sh`: tries to get out while something changes, and how many were seen outside.",
	"",
	table(["kernel", "while", "times", "tries", "seen"]),
	($transitions[] | [.kernel, .what, "\(.times)", "\(.tried)", if .seen == "0" then "0" else "**\(.seen)**" end] | row),
	($transitions | group_by(.kernel)[] | [.[0].kernel, "all", "", "\(map(.tried) | add)", if all(.seen == "0") then "0" else "**not none**" end] | row)
end,
if ($concurrency | length) == 0 then empty else
	"",
	"## Everything at once",
	"",
	"`selftests/netns/concurrency.sh`, on two processors.",
	"",
	table(["kernel", "", "seconds", "loads", "dumps, interrupted", "explanations", "namespaces", "permitted, lost", "denied, seen"]),
	($concurrency[] | [.kernel, .what, "\(.seconds)", "\(.loads)", "\(.dumps), \(.interrupted)", "\(.explains)",
		"\(.namespaces)", "\(.permitted), \(.lost | red)", "\(.denied), \(.seen | red)"] | row)
end,
if ($faults | length) == 0 then empty else
	"",
	"## Allocations that fail",
	"",
	"`selftests/netns/faults.sh`: one after the other (*once*), or that one and all that follow (*onwards*), of all that a",
	"command allocates (*all*) or of what a module asks for (*modules*). *wrong*: a packet that should not have passed, a",
	"state between the old and the new one, or a success that was none.",
	"",
	table(["kernel", "fails", "of", "operations", "injected", "refused", "done all the same", "not answered", "wrong"]),
	($faults[] | [.kernel, .mode, .which, "\(.operations)", "\(.injected)", "\(.refused)", "\(.done)", "\(.unanswered)", (.wrong | red)] | row)
end,
if ($latency | length) == 0 then empty else
	"",
	"## From a change of policy to its enforcement",
	"",
	"`selftests/node/latency.sh`: from `merlon-control policy publish` to the moment at which merlond gave the generation to the",
	"kernel, over all nodes and changes; ms. CPU: of a node's merlond, and of server and signer together, for each node and change.",
	"",
	table(["nodes", "changes", "median", "95th percentile", "worst", "CPU of a node", "CPU of the server"]),
	($latency[] | ["\(.nodes)", "\(.changes)", "\(.p50)", "\(.p95)", "\(.worst)", "\(.nodeCpu)", "\(.serverCpu)"] | row)
end,
if ($connections | length) == 0 then empty else
	"",
	"## Many nodes at one server",
	"",
	"`selftests/control/scale/connections.sh`: nodes that poll, each by a TLS connection with its own certificate.",
	"Memory: of the server (VmRSS), all told, beyond what it had with no node connected, for each connection.",
	"CPU: of the signer and of the server, for a generation in which ten nodes joined, up to the last node's answer.",
	"",
	table(["nodes", "connected", "memory, MiB", "KiB for each", "signer, ms of CPU", "server, ms of CPU", "all have it after, ms"]),
	($connections[] | ["\(.nodes)", "\(.connected)", "\(.memory)", "\(.each)", "\(.signerCpu)", "\(.serverCpu)", "\(.milliseconds)"] | row)
end,
(.[] | select(.programs | length > 0) |
	"",
	"## \(.group)",
	"",
	table(["test", "passed", "seconds"]),
	(.programs[] | ["`\(.name)`", if .passed == .tests then "\(.passed)" else "**\(.passed) of \(.tests)**" end, "\(.seconds)"] | row))
