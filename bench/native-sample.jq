# SPDX-License-Identifier: GPL-2.0
# What bench/native could have measured, in numbers that a person can compute with: for
# bench/native-test. $slow: what Merlon adds to a packet of an exit node, in per mille.
# Turns differ threefold, as on a machine that something else disturbs; ratios do not.
def turns(f): [1, 3, 2] | map(f);
def hook($peer; $rules; $family; $packet; $ns):
	{series: "6.12-um", kernel: "k", peer: $peer, rules: $rules, family: $family, packet: $packet,
	 way: "forward", calls: 10000, clock: 1000, backwards: 0, samples: turns(. * $ns * 100)};
def exit($peer; $rules; $family; $packet; $way; $ns): turns(. * $ns * 100) | .[] |
	{series: "6.12-um", kernel: "k", peer: $peer, rules: $rules, family: $family, packet: $packet,
	 way: $way, verdict: "passed", samples: [., . * 9, .]};
def load($peer; $ms): turns(. * $ms * 1e6)[] |
	{series: "6.12-um", kernel: "k", peer: $peer, rules: 100000, what: "load", samples: [.]};

{environment: {commit: "c", merlon: "0", kernel: "k", host: "h", tools: "t", compiler: "g", cpu: "p",
	caches: "L1", date: "d", instrument: "i", whole: true},
 hooks: [(4, 6) as $family | (10, 100000) as $rules | ("many", "one") as $packet |
	(if $packet == "many" and $rules > 10 then 2 else 1 end) as $far |
	hook("none"; $rules; $family; $packet; 10), hook("bare"; $rules; $family; $packet; 15),
	hook("hash"; $rules; $family; $packet; 10 + 100 * $far),
	hook("merlon"; $rules; $family; $packet; 10 + 25 * $far)],
 exit: [(4, 6) as $family |
	(("udp-64", "udp-1392", "tcp-gso") as $packet | ("in", "out") as $way |
		exit("none", "none-again"; 1000; $family; $packet; $way; 1000),
		exit("merlon"; 1000; $family; $packet; $way; 1000 + $slow)),
	exit("none", "none-again", "merlon"; 100000; $family; "many-1392"; "in"; 1000)],
 control: [load("merlon"; 70), load("hash"; 700)]}
