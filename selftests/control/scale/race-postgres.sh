#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# One key, a thousand machines at once, three processes on PostgreSQL: exactly one is let
# in, also where the process that writes the audit log is killed in the middle.
#
#	127.1.x.y, a thousand ---- TLS ---- three times merlon-control ---- PostgreSQL
#	                                                              \---- merlon-signer

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
tree=$PWD
# shellcheck source=../real.bash
. selftests/control/real.bash
# shellcheck source=postgres.bash
. "$tree/selftests/control/scale/postgres.bash"
# shellcheck source=race.bash
. "$tree/selftests/control/scale/race.bash"
urls=("https://127.0.0.1:${port[0]}" "https://127.0.0.1:${port[1]}" "https://127.0.0.1:${port[2]}")
ok "a policy is published" policy_publish 1
ok "all are well" wait_for 20 eval 'at=0 is_well && at=1 is_well && at=2 is_well'

key_create >key
race calm
race_judge calm
ok "calm: the others were refused by the store" refusals_are $((count - 1))
diag "$(grant_field refusals) refusals;" "$(cat calm.errors)"

key_create >key
victim=$(sequencer)
at=$(((victim + 1) % 3))
race killed server_kill "$victim"
unset "urls[$victim]"
race_judge killed
ok "killed: the others were refused by the store" refusals_are $((count - 1))
ok "killed: some had no answer at first" grep -q '^cut' killed.said
diag "$(grant_field refusals) refusals; $(tail -n 1 killed.said)"
for i in 0 1 2; do
	[ "$i" = "$victim" ] || ok "process $i ends well" server_kill $i TERM
done
ok "the audit log verifies" audit_is_well
is "$(events | grep -cx node.enrol)" 2 "and tells of two machines"
done_testing
