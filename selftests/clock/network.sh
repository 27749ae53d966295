#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# A node, its server and its signer, each with a clock of its own that is wrong, or set while
# it runs. The order of dates itself is proven in selftests/unit/test_{watermark,signer_core}.c,
# the node alone beside this (node.sh), verdicts behind an expiry in selftests/netns/merlond.sh.
# Here, what becomes of a network:
#
#	an hour ahead: the node		generations are taken; a join is refused, and told of, where
#					the server's clock is synchronised, and taken where not
#	100 days ahead: the node	nothing that is new holds there, what is in force does
#	an hour ahead: the server	a key that ends within the hour has ended, until it is set
#					back; generations go on
#	an hour ahead: the signer	its generations are taken at once; set back, it dates none
#					earlier than the last
#	to and fro: each of them	every change of policy arrives
#	1970: the node			it has its last generation again without a server, and the
#					next one with it
#	1970: the server		it knows nobody's certificate; what is in force stays, and
#					it is not run over; set right, all is as before
#	1970: the signer		it goes on where it was, and an ended key stays ended
#	the signer is dead for 15 days	stale after three missed renewals, verdicts unchanged;
#					after 14 days expired: lockdown (guard.lastResort has no
#					effect in this release: docs/policy.md); a renewal ends it
#
#	n1: merlond --- TLS --- merlon-control --- unix socket --- merlon-signer
#
# BUILD=asan: with sanitizers.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=clock.bash
. selftests/clock/clock.bash
# shellcheck source=../control/real.bash
. selftests/control/real.bash
# shellcheck source=scene.bash
. "$clock_tree/selftests/clock/scene.bash"
at_1970=$((1000 - $(date +%s)))
# A machine without merlond joins by n1's clock.
join() { # NAME
	mkdir -p "$1"
	by n1 "$joiner" join 127.0.0.9 "$1" "$dir/$1" <many >"$1/answer" 2>&1
	head -n 1 "$1/answer"
}
control_setup
server_start 0
ok "a policy is published" policy_publish 1
key_create --uses 25 >many
key_create >once
ok "n1 is enrolled" by n1 "$merlon" enrol --name n1 --state-dir "$dir/n1" --inbox "$dir/n1-inbox" \
	--user nobody --no-start --key-file - <once
node_start
ok "and has a generation" wait_for 20 test -s n1/kernel-log

# --- an hour ahead -------------------------------------------------------------------------
set_clock n1 3600
arrives "the node an hour ahead: the next generation comes"
is "$(join early)" 200 "a join is taken where the server's clock is not synchronised"
synchronised=1 set_clock server 0
is "$(join earlier)" 403 "and is not where it is"
like "$(events 'select(.event_type == "auth.failure").reason' | sort -u | xargs)" clock "the audit log says why"
synchronised=0 set_clock server 0
set_clock n1 0
key_create --expires 30m >short || bail "no key: $(cat key.err)"
set_clock server 3600
arrives "the server an hour ahead: the next generation comes"
mv many kept && cp short many
is "$(join late)" 403 "a key that ends within the hour has ended"
set_clock server 0
is "$(join late)" 200 "until the clock is set back"
mv kept many
set_clock signer 3600
arrives "the signer an hour ahead: its generation is taken"
issued=$(status_of .generation.issued)
ok "which is dated so" test "$issued" -gt $(($(date +%s) + 3000))
set_clock signer 0
arrives "set back: so is the next"
ok "which is dated no earlier" test "$(status_of .generation.issued)" -ge "$issued"

# --- to and fro --------------------------------------------------------------------------------
for round in 1 2 3 4 5 6 7 8; do
	names=(n1 server signer)
	who=${names[round % 3]}
	# What a signer has dated holds: ahead by a day, it would refuse a day's keys from then on.
	steps=(-3600 3600 "-$day" "$day")
	step=${steps[RANDOM % ($round % 3 == 2 ? 3 : 4)]}
	set_clock "$who" "$step"
	arrives "$who off by $step s: a change of policy arrives"
	set_clock "$who" 0
done
arrives "all of them right: as ever"
not_ok "the node refused nothing" grep -E ': refused:' n1.log

# --- 1970: the node ----------------------------------------------------------------------------
held=$(kernel_log)
node_stop
server_kill 0
lines=$(wc -l <n1/kernel-log)
set_clock n1 "$at_1970"
node_start
is "$(tail -n +$((lines + 1)) n1/kernel-log | cut -d' ' -f1,2)" "loaded $held" \
	"the node starts in 1970, without a server: its last generation is in force"
is "$(node_says .stale)" false "and not stale"
server_start 0
arrives "and with a server the next one comes"
set_clock n1 0

# --- 1970: the server ----------------------------------------------------------------------------
renewals() { events 'select(.event_type == "cert.renew").event_type' | wc -l; }
held=$(kernel_log) before=$(renewals)
set_clock server "$at_1970"
server_again
like "$(tail -n 1 started-0)" 'ready' "the server starts in 1970"
sees_it() { [ "$(renewals)" -gt "$before" ] || grep -q 'courier: ' n1.log; }
ok "the node notices" wait_for 20 sees_it
# As long as a loop without a pause would need for hundreds.
read -rt 3 <> <(:)
ok "but does not run it over ($(($(renewals) - before)) renewals)" test $(($(renewals) - before)) -le 3
is "$(kernel_log)" "$held" "what is in force stays"
set_clock server 0
server_again
arrives "set right: the next generation comes"
ok "all is well" wait_for 20 is_well

# --- 1970: the signer ----------------------------------------------------------------------------
issued=$(status_of .generation.issued)
set_clock signer "$at_1970"
signer_again
ok "the signer starts in 1970" wait_for 20 there
arrives "its generation is taken"
ok "and dated no earlier" test "$(status_of .generation.issued)" -ge "$issued"
# It has signed what is an hour ahead: that it knows still.
exits 2 "a key that would have ended by then is none" "$build/merlon-control" key create \
	--config control-0.json --membership-key m1.key --tag tag:web --expires 30m
is "$(join fresh)" 200 "one that lasts lets in"
set_clock signer 0
signer_again
wait_for 20 there

# --- the signer is dead for 15 days ------------------------------------------------------------------
arrives "before the signer dies"
held=$(kernel_log)
signer_stop
all_sleep $((2 * day))
is "$(node_says .stale) $(status_of .generation.stale)" "false false" "dead for two days: nothing is stale"
all_sleep $((4 * day))
is "$(node_says .stale) $(status_of .generation.stale)" "true true" \
	"dead for four days: the node says stale, and so does the server"
is "$(node_says '"\(.epoch).\(.serial)"')" "$held" "what is in force stays"
ok "and ends ten days later" test $(($(node_says .expires) - $(date +%s) - 14 * day)) -lt 7200
node_stop
node_start
is "$(tail -n 1 n1/kernel-log | cut -d' ' -f1,2)" "loaded $held" "so also for a node that starts then"
all_sleep $((15 * day))
is "$("$askd" --socket "$dir/n1.sock" apply n1/accepted.bundle | jq .code)" -62 \
	"dead for 15 days: what was in force has expired, says the node"
node_stop
lines=$(wc -l <n1/kernel-log)
node_start
ok "a node that starts then loads nothing, and says why" grep -q 'cannot be loaded again.*expired' n1.log
is "$(wc -l <n1/kernel-log)" "$lines" "its kernel is given nothing"
not_ok "the server says that all is not well" is_well
signer_again
renewed() { [ "$(kernel_log)" != "$held" ]; }
ok "the signer is back: a renewal is in force" wait_for 30 renewed
is "$(node_says .stale) $(status_of .generation.stale)" "false false" "nothing is stale"
ok "it lasts" test "$(node_says .expires)" -gt $(($(date +%s) + 28 * day))
arrives "and the next change of policy arrives"
ok "all is well" wait_for 20 is_well

# --- a hundred days ahead: the node --------------------------------------------------------------------
held=$(kernel_log) before=$(renewals)
set_clock n1 $((115 * day))
version=$((version + 1))
ok "the node a hundred days ahead: a policy is published" policy_publish "$version"
ok "whose generation has expired there" wait_for 20 grep -q 'refused.*expired' n1.log
is "$(kernel_log)" "$held" "what is in force stays"
read -rt 3 <> <(:)
ok "so its certificate has, but it does not run the server over ($(($(renewals) - before)) renewals)" \
	test $(($(renewals) - before)) -le 3
set_clock n1 $((15 * day))
arrives "set right: the next generation comes"
done_testing
