#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# merlon policy: check, test, compile, and the round of a generation:
# sign → verify → show → renew → diff, with what must be refused on the way.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=common.bash
. "$(dirname "$0")/common.bash"
office=$root/selftests/cli/data/office.hujson
cd "$tap_dir" || exit

# edit SED-EXPRESSION: the policy, changed, as edited.hujson
edit() {
	sed "$1" "$office" >edited.hujson
	! cmp -s "$office" edited.hujson || bail "nothing was edited: $1"
}

must "$merlon" key generate --no-passphrase -o policy.key
must "$merlon" key generate --no-passphrase -o stranger.key
must "$merlon" trust init --network home --node gate --key policy.key --trust trust.json

# --- check ------------------------------------------------------------------
yes "a valid source" policy check "$office" --json
json '[.valid, .nodes, .mostRules] | map(tostring) | join(" ")' "true 3 7" "with its sizes"
edit 's/"hosts"/"hots"/'
no "edited.hujson:7:2: .*hots" "an unknown key is named with its place" \
	policy check edited.hujson
merlon_run policy check edited.hujson --json
is "$(jq -c '[.error.line, .error.column, .error.file]' err)" '[7,2,"edited.hujson"]' \
	"and in JSON on standard error"
is "$(cat out)" "" "where standard output stays empty"
edit 's/"dst": \["gate"\]/"dst": ["gte"]/'
no "edited.hujson:[0-9]+:.*gte" "an undefined name" policy check edited.hujson
misuse "No such file" "a file that is not there" policy check nothing.hujson
misuse "directory" "a directory" policy check .
: >nothing.bundle
no "nothing.bundle: empty: not a policy source$" "an empty file" policy check nothing.bundle
no "nothing.bundle: empty: not a bundle, nor a policy source$" "is no bundle either" \
	policy verify nothing.bundle --trust trust.json
yes "an honest one" policy check "$office" --json
json .warnings '[]' "asks for nothing that is not done"
for wish in \
	'guard": {"allow": ["ntp"]}|guard.allow has no effect in the scope tunnels' \
	'guard": {"lastResort": [{"src": ["*"], "dst": ["*"], "ip": ["tcp:22"]}]}|guard.lastResort has no effect' \
	'nodes": {"x": {"addresses": ["10.0.0.1"], "guard": {"allow": ["lan"]}}}|guard.allow has no effect in the scope tunnels' \
	'exit": {"nodes": []}|exit has no effect' \
	'dns": {"guard": true}|dns.guard in the scope tunnels holds lookups that come or leave by a tunnel'; do
	echo "{\"${wish%%|*}}" >wish.hujson
	yes "what is asked for and not done: ${wish##*|}" policy check wish.hujson --json
	is "$(jq -r '.warnings | join("|")' out | cut -d: -f1)" "${wish##*|}" "JSON warns"
	merlon_run policy check wish.hujson
	like "$(said err)" "^\(${wish##*|}.*\)$" "and a remark"
done
merlon_run policy check "$office"
is "$(said out | tr '\n' '|')" "$office: valid, 3 nodes, at most 7 rules on one node|4 tests, not run: merlon policy test|" \
	"in words: nodes, rules, and tests that were not run"
json_warnings() { "$merlon" policy check "$1" --json | jq -r '.warnings[] | split(":")[0]'; }
for rule in '["a@example.org"]' '["group:g"]' '["tag:t"]' '["autogroup:member"]'; do
	echo '{"groups": {"group:g": ["a@example.org"]}, "tagOwners": {"tag:t": []},
		"grants": [{"src": '"$rule"', "dst": ["*"], "ip": ["*"]}]}' >nobody.hujson
	is "$(json_warnings nobody.hujson)" 'there is no section "nodes"' "rules for $rule without nodes"
done
echo '{"grants": [{"src": ["10.0.0.1"], "dst": ["*"], "ip": ["*"]}]}' >literal.hujson
is "$(json_warnings literal.hujson)" "" "addresses need no nodes"
echo '{"grants": [{"src": ["10.0.0.1"], "dst": ["*"], "ip": ["*"]}], "dns": {"guard": true},
	"guard": {"scope": "everything", "allow": ["ntp"]}}' >guarded.hujson
is "$(json_warnings guarded.hujson)" "" "what is asked for of the guard is done"
yes "the guard is told" policy show guarded.hujson --json
json '[(.rules | length), (.guard | map(.action) | unique)]' '[1,["allow","drop"]]' \
	"its rules stand beside the others"
sed 's/"guard": true/"guard": true, "nameservers": ["192.0.2.53"]/' guarded.hujson >named.hujson
merlon_run policy diff guarded.hujson named.hujson --json
is "$status $(jq -r '.nodes[0].rules[] | "\(.change) \(.rule.guard) \(.rule.destinations[0])"' out)" \
	"1 changed true all but dns.nameservers" "other nameservers are a difference"
yes "the same guard" policy diff guarded.hujson guarded.hujson
sed 's/"ntp"/"lan"/' guarded.hujson >lan.hujson
merlon_run policy diff guarded.hujson lan.hujson --json
is "$(jq -r '[.nodes[0].rules[].change] | sort | join(" ")' out)" "added removed" \
	"another allowance is one rule for another"
echo '{}' >empty.hujson
is "$(json_warnings empty.hujson)" "nothing is granted" "nothing at all"
echo '{"nodes": {"a": {"addresses": ["10.0.0.1"]}}, "deny": [{"src": ["*"], "dst": ["a"]}]}' >denied.hujson
is "$(json_warnings denied.hujson)" "nothing is granted" "denials alone"
misuse "needs more: usage" "no file" policy check
misuse "too much" "two files" policy check "$office" "$office"

# --- test -------------------------------------------------------------------
yes "its own tests" policy test "$office" --json
json '[.passed, .failed, (.cases | length)]' "[4,0,4]" "all pass"
json '.cases[0] | [.source, .destination, .wanted, .got]' \
	'["bob@example.org","192.168.7.2:80","allow","allow"]' "each is told"
edit 's/"accept": \["192.168.7.2:22"\]/"accept": ["192.168.7.2:443"]/; s/"deny": \["192.168.7.2:443"\]/"deny": []/'
merlon_run policy test edited.hujson --json
is "$status $(jq -r .failed out)" "1 1" "one that fails"
like "$(jq -r .error.message err)" "192.168.7.2:443" "and is named"

# --- compile ----------------------------------------------------------------
yes "an image" policy compile "$office" --node gate -o gate.image --json
is "$(head -c 6 gate.image)" MERLON "begins as images do"
is "$(jq .bytes out)" "$(stat -c %s gate.image)" "and has the size that it says"
must cp gate.image first.image
yes "again" policy compile "$office" --node gate -o gate.image
ok "the same bytes" cmp first.image gate.image
misuse "no node 'nobody'; there are: ada, bob, gate" "a node that is not there" \
	policy compile "$office" --node nobody -o x.image
misuse "say which node.*ada, bob, gate" "no node" policy compile "$office" -o x.image
misuse "--output" "no file to write" policy compile "$office" --node gate

# --- sign -------------------------------------------------------------------
issued=$(($(date +%s) - 3600))
utc() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }
yes "a generation" policy sign "$office" --key policy.key --network home \
	--issued "@$issued" --lifetime 90d -o bundles --json
json '[.epoch, .serial, .issued, .notBefore, .expires]' \
	"[1,1,\"$(utc $issued)\",\"$(utc $issued)\",\"$(utc $((issued + 90 * 86400)))\"]" \
	"its dates"
json '[.issuedAhead, .warnings]' '[0,[]]' "issued in the past, and all that is asked for is done"
json '.files' '["bundles/ada.bundle","bundles/bob.bundle","bundles/gate.bundle"]' "its files"
root_of_first=$(jq -r .root out)
yes "signed again elsewhere" policy sign "$office" --key policy.key --network home \
	--issued "@$issued" --lifetime 90d -o again
ok "gives the same bytes" cmp bundles/gate.bundle again/gate.bundle
no "holds generation 1.1.*--serial" "the same serial once more" policy sign "$office" \
	--key policy.key --network home --serial 1 -o bundles
ids=()
for key in policy stranger; do
	ids+=("$("$merlon" key show $key.key --json | jq -r '.id[:8]')")
done
no "^merlon: again holds generation 1.1 of \"home\", signed by ${ids[0]}…; this key is ${ids[1]}…: use another directory, or that key$" \
	"by another key, over what the first signed" policy sign "$office" --key stranger.key \
	--network home -o again
ok "which is still there" cmp bundles/gate.bundle again/gate.bundle
edit 's/"accept": \["192.168.7.2:22"\]/"accept": ["192.168.7.2:443"]/'
no "test|443" "a policy whose tests fail is not signed" policy sign edited.hujson \
	--key policy.key --network home -o failing
not_ok "and nothing is written" test -e failing
misuse "expire before" "it must be valid at some time" policy sign "$office" --key policy.key \
	--network home -o x --expires 2020-01-01T00:00:00Z
misuse "use one" "lifetime and expires" policy sign "$office" --key policy.key --network home \
	-o x --expires 2040-01-01T00:00:00Z --lifetime 3d
long="valid for more than 90 days, and the kernel takes nothing that is"
misuse "$long" "no longer than the kernel takes" policy sign "$office" --key policy.key \
	--network home -o x --lifetime 91d
misuse "$long" "nor by its end" policy sign "$office" --key policy.key --network home \
	-o x --expires "@$(($(date +%s) + 91 * 86400))"
misuse "$long" "nor by its beginning" policy sign "$office" --key policy.key --network home \
	-o x --not-before "@$issued" --issued "@$((issued + 3600))" \
	--expires "@$((issued + 90 * 86400 + 60))"
ahead=$(($(date +%s) + 40 * 86400))
misuse "more than a day ahead.*--force" "nothing is issued far in the future" policy sign \
	"$office" --key policy.key --network home --issued "@$ahead" -o x
not_ok "and nothing is written" test -e x
echo '{"dns": {"guard": true}, "nodes": {"a": {"addresses": ["10.0.0.1"]}}}' >wish.hujson
yes "a policy that asks for more is signed" policy sign wish.hujson --key policy.key \
	--network home -o wish --json
like "$(jq -r '.warnings[0]' out)" "dns.guard in the scope tunnels" "and the signer is told"
misuse "not a duration" "a bad duration" policy sign "$office" --key policy.key \
	--network home -o x --lifetime 3
misuse "not a time" "a bad time" policy sign "$office" --key policy.key --network home \
	-o x --not-before tomorrow
misuse "--serial is '0'" "a bad serial" policy sign "$office" --key policy.key --network home \
	-o x --serial 0
misuse "--key" "no key" policy sign "$office" --network home -o x
misuse "--network" "no network" policy sign "$office" --key policy.key -o x
misuse "leave out --node" "a node where the policy has them" policy sign "$office" \
	--key policy.key --network home --node gate -o x

# --- verify -----------------------------------------------------------------
yes "the node's own bundle" policy verify bundles/gate.bundle --trust trust.json --json
json '[.verified, .node, .epoch, .serial]' '[true,"gate",1,1]' "what it is"
no 'is for node "bob"' "another node's" policy verify bundles/bob.bundle --trust trust.json
yes "another node's, on purpose" policy verify bundles/bob.bundle --trust trust.json --any-node
no "policy source" "a source is not a bundle" policy verify "$office" --trust trust.json
must "$merlon" policy sign "$office" --key stranger.key --network home -o strange
no "sign|key" "a stranger's" policy verify strange/gate.bundle --trust trust.json
must "$merlon" policy sign "$office" --key policy.key --network away -o away
no '"away"' "another network's" policy verify away/gate.bundle --trust trust.json
must "$merlon" policy sign "$office" --key policy.key --network home \
	--issued @1000000 --lifetime 1d -o old
merlon_run policy verify old/gate.bundle --trust trust.json
is "$status" 1 "an expired one"
like "$(said err)" "expired" "and it says so"
must "$merlon" policy sign "$office" --key policy.key --network home -o ahead --force \
	--issued "@$ahead" --not-before "@$ahead"
yes "one that was issued in the future" policy verify ahead/gate.bundle --trust trust.json --json
json '.issuedAhead > 39 * 86400' true "says by how much"
merlon_run policy verify ahead/gate.bundle --trust trust.json
like "$(said err)" "^\(issued in the future.*takes nothing issued before it\)$" "and what that does"
not_ok "a node would not wait for it" grep -q "not to be applied before" out
must "$merlon" policy sign "$office" --key policy.key --network home -o later \
	--not-before "@$ahead" --expires "@$((ahead + 86400))"
yes "one whose time will come" policy verify later/gate.bundle --trust trust.json
like "$(said out)" "not to be applied before" "has to wait"
misuse "trust|No such" "nobody to trust" policy verify bundles/gate.bundle --trust none.json

# Every part of a bundle, altered or cut off.
size=$(stat -c %s bundles/gate.bundle)
accepted=0
for ((at = 3; at < size; at += size / 60 + 1)); do
	cp bundles/gate.bundle bad.bundle
	byte=$(od -An -tu1 -j "$at" -N 1 bad.bundle)
	# shellcheck disable=SC2059
	printf "\\x$(printf %x $((byte ^ 1)))" |
		dd of=bad.bundle bs=1 seek="$at" conv=notrunc status=none
	merlon_run policy verify bad.bundle --trust trust.json
	[ "$status" = 1 ] || { accepted=$((accepted + 1)) && diag "byte $at: status $status"; }
	head -c "$at" bundles/gate.bundle >bad.bundle
	merlon_run policy verify bad.bundle --trust trust.json
	[ "$status" = 1 ] || { accepted=$((accepted + 1)) && diag "cut at $at: status $status"; }
done
is "$accepted" 0 "no altered bundle passes, none is more than refused"

# --- show -------------------------------------------------------------------
yes "a bundle" policy show bundles/gate.bundle --trust trust.json --json
cp out bundle.json
json '[.kind, .node, .bundle.signature, .bundle.leaf, .bundle.leaves]' \
	'["bundle","gate","verified",2,3]' "its place in the generation"
json '.rules | length' 7 "its rules"
json '[.rules[] | select(.action == "reject")] | .[0] | [.line, .sources, .services]' \
	'[30,["bob@example.org"],["icmp:*"]]' "one of them"
json '.image.sourceClasses > 1 and .image.bytes > 100' true "its sizes"
json '[.config.peers[] | (.name // .node // .)] | sort | join(" ") | test("ada.*bob")' true \
	"its peers"
yes "without --trust" policy show bundles/gate.bundle --json
json .bundle.signature "not checked" "the signature is not checked, and it says so"
yes "a source" policy show "$office" --node gate --json
is "$(jq -c .rules out)" "$(jq -c .rules bundle.json)" "has the same rules"
is "$(jq -c .image out)" "$(jq -c .image bundle.json)" "and the same image"
yes "as text" policy show "$office" --node gate
like "$(said out)" "[0-9a-f]{16} +30 +reject +bob@example.org +lan +icmp:\*$" "a rule is a line"
misuse "say which node" "a source with several nodes" policy show "$office"
no "bundle|MERLON|cut" "half a bundle" policy show bad.bundle

# --- renew ------------------------------------------------------------------
yes "a renewal" policy renew bundles --key policy.key --json
json '[.serial, .root == "'"$root_of_first"'"]' '[2,true]' "a higher serial, the same root"
yes "verifies" policy verify bundles/gate.bundle --trust trust.json --json
json .serial 2 "as generation 1.2"
yes "with another serial, elsewhere" policy renew bundles --key policy.key --serial 9 \
	--lifetime 3d -o renewed --json
json '[.serial, .directory]' '[9,"renewed"]' "leaves the old ones"
no "holds generation 1.9" "never backwards" policy renew bundles --key policy.key \
	--serial 5 -o renewed
misuse "no bundle here was signed by this key" "by another key" policy renew bundles \
	--key stranger.key
# Of an interrupted renewal in place, some bundles are new: the same can be asked again.
cp -r bundles half
yes "a renewal" policy renew half --key policy.key
cp bundles/bob.bundle half/bob.bundle
yes "half done before, is done again" policy renew half --key policy.key --json
json '[.serial, .root == "'"$root_of_first"'"]' '[4,true]' "for all, as they were"
yes "also for the one left behind" policy verify half/bob.bundle --trust trust.json --any-node --json
json .serial 4 "with the rest"
misuse "$long" "no renewal for longer than the kernel takes" policy renew bundles \
	--key policy.key --lifetime 91d
misuse "more than a day ahead" "nor far in the future" policy renew bundles --key policy.key \
	--issued "@$ahead"
merlon_run policy renew bundles --key policy.key --issued "@$ahead" --force -o forced
is "$status $(grep -c "issued in the future" err)" "0 1" "unless it is forced, and said once"
rm bundles/bob.bundle
misuse "has 3 nodes, and the bundles of 1 are not here" "with a bundle missing" \
	policy renew bundles --key policy.key
misuse "No such file" "a directory that is not there" policy renew nowhere --key policy.key

# --- diff -------------------------------------------------------------------
yes "no difference between source and bundle" policy diff "$office" bundles/gate.bundle --json
json '[.same, (.nodes | length)]' '[true,0]' "says so"
yes "nor between a generation and its renewal" policy diff bundles/ada.bundle renewed/ada.bundle
edit 's/"tcp:20-25"/"tcp:20-24"/'
merlon_run policy diff "$office" edited.hujson --node gate --json
is "$status" 1 "a port less is a difference"
json '[.nodes[0].rules[].change] | sort' '["added","removed"]' "one rule for another"
json '.nodes[0].reachability | map([.family, .source, .destination, .service, .before, .after])
	| sort | .[0]' '["ipv4","ada","192.168.7.0/24","tcp:25","allow","deny"]' \
	"and who loses what"
json '[.nodes[0].reachability[].service] | unique' '["tcp:25"]' "nothing else"
merlon_run policy diff "$office" edited.hujson --json
json '[.nodes[] | .sameAs]' '[null,"ada","ada"]' "nodes that fare alike are told once"
edit 's/"bob": {/"eve": {/; s/100.64.0.11/100.64.0.12/'
merlon_run policy diff "$office" edited.hujson --json
json '[.nodes[].node]' '["ada","bob","gate","eve"]' "nodes that go and come"
# What no node and no host is called, but a rule lists, is compared all the same.
nodes='"nodes": {"a": {"addresses": ["100.64.0.1"]}, "b": {"addresses": ["100.64.0.2"]}}'
grants() { echo "{$nodes, \"grants\": [$1]}" >"$2"; }
near='{"src": ["a"], "dst": ["10.9.0.0/24"], "ip": ["tcp:22"]}'
grants "$near" near.hujson
reaches() { # FILE: who reaches what since near.hujson, of node a
	merlon_run policy diff near.hujson "$1" --node a --json
	jq -c '[.nodes[0].reachability[] | "\(.source) \(.destination) \(.service) \(.after)"] | unique' out
}
grants "$near, {\"src\": [\"a\"], \"dst\": [\"192.168.7.0/24\"], \"ip\": [\"tcp:22\"]}" far.hujson
is "$(reaches far.hujson)" '["a 192.168.7.0/24 tcp:22 allow"]' "a network that only a rule lists"
merlon_run policy diff near.hujson far.hujson --node a
like "$(said out)" "ipv4 +a +192.168.7.0/24 +tcp:22 +deny +allow" "also in words"
grants '{"src": ["a"], "dst": ["10.9.0.0/16"], "ip": ["tcp:22"]}' far.hujson
is "$(reaches far.hujson)" '["a 10.9.0.0/16 tcp:22 allow"]' "a network around one that was reached before"
grants "$near, {\"src\": [\"a\"], \"dst\": [\"10.9.0.0-10.9.0.255\"], \"ip\": [\"tcp:22\"]}" far.hujson
is "$(reaches far.hujson)" '[]' "not the same by another name"
grants "$near, {\"src\": [\"a\"], \"dst\": [\"autogroup:internet\"], \"ip\": [\"icmp:*\"]}" far.hujson
is "$(reaches far.hujson)" '["a autogroup:internet icmp:* allow"]' "the internet, and icmp:* as it is written"
is "$(jq '.nodes[0].reachability | length' out)" 1 "once, however many prefixes it has"
grants "$near, {\"src\": [\"*\"], \"dst\": [\"b\"], \"ip\": [\"tcp:80\"]}" far.hujson
is "$(reaches far.hujson)" '["* b tcp:80 allow","10.9.0.0/24 b tcp:80 allow","a b tcp:80 allow"]' \
	"from everywhere"
echo '{}' >empty.hujson
echo '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["tcp:80"]}]}' >open.hujson
merlon_run policy diff empty.hujson open.hujson --json
json '[.nodes[0].reachability[] | "\(.family) \(.source) \(.destination) \(.after)"]' \
	'["ipv4 * * allow","ipv6 * * allow"]' "everywhere, where nothing has a name"
misuse "these are bundles of two nodes, ada and gate$" "bundles of two nodes" \
	policy diff bundles/ada.bundle bundles/gate.bundle
misuse "neither side has a node" "a node of neither" policy diff "$office" "$office" --node x

# --- a policy without nodes -------------------------------------------------
echo '{"grants": [{"src": ["10.0.0.2"], "dst": ["10.0.0.1"], "ip": ["tcp:22"]}]}' >lone.hujson
misuse "--node" "whose it is must be said" policy sign lone.hujson --key policy.key \
	--network home -o lone
yes "and then it is signed" policy sign lone.hujson --key policy.key --network home \
	--node gate -o lone
yes "for that node" policy verify lone/gate.bundle --trust trust.json
yes "and can be asked" explain 10.0.0.2 10.0.0.1 tcp:22 --file lone.hujson

# --- a key with a passphrase ------------------------------------------------
(umask 077 && echo secret >pass && echo false >wrong)
must "$merlon" key generate -o locked.key --passphrase-file pass
yes "a locked key signs with its passphrase" policy sign "$office" --key locked.key \
	--network home -o locked --passphrase-file pass
misuse "passphrase" "not with another" policy sign "$office" --key locked.key \
	--network home -o locked --passphrase-file wrong
misuse "terminal|passphrase" "nor without" policy sign "$office" --key locked.key \
	--network home -o locked
# It waits for its passphrase: what it is by then, it is before it has read a secret.
mkfifo line
"$merlon" policy sign "$office" --key locked.key --network home -o locked2 \
	--passphrase-fd 7 7<>line >out 2>err &
signer=$!
closed() { [ "$(awk '/core file/ { print $5 $6 }' "/proc/$1/limits")" = 00 ]; }
ok "a process that reads a secret leaves no core file" wait_for 10 closed "$signer"
echo secret >line
status=0
wait "$signer" || status=$?
is "$status" 0 "and signs"
if [ "$(id -u)" = 0 ]; then
	chmod 711 .
	mkdir -m 777 nobody
	cp "$merlon" nobody/merlon
	setpriv --reuid=65534 --regid=65534 --clear-groups nobody/merlon key generate \
		-o nobody/key --passphrase-fd 7 7<>line >out 2>err &
	signer=$!
	# Of a process that cannot be debugged, /proc is root's.
	hidden() { [ "$(stat -c %u "/proc/$signer/limits")" = 0 ] && grep -q '^Uid:.65534' "/proc/$signer/status"; }
	ok "nor can its user look into it" wait_for 10 hidden
	echo secret >line
	wait "$signer"
else
	skip "not root" "nor can its user look into it"
fi
chmod 644 policy.key
misuse "read|mode|0644" "a key that others can read is refused" policy sign "$office" \
	--key policy.key --network home -o loose

done_testing
