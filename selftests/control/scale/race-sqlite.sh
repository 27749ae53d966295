#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# One key, a thousand machines at once, SQLite: exactly one is let in, also where the
# server is killed in the middle.
#
#	127.1.x.y, a thousand ---- TLS ---- merlon-control ---- merlon-signer

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
tree=$PWD
# shellcheck source=../real.bash
. selftests/control/real.bash
# shellcheck source=race.bash
. "$tree/selftests/control/scale/race.bash"
control_setup
server_start 0
urls=("https://127.0.0.1:${port[0]}")
ok "a policy is published" policy_publish 1

key_create >key
race calm
race_judge calm
ok "calm: the others were refused by the store" refusals_are $((count - 1))
diag "$(grant_field refusals) refusals;" "$(cat calm.errors)"

key_create >key
again() { server_kill 0; server_start 0; }
race killed again
race_judge killed
ok "killed: the others were refused by the store" refusals_are $((count - 1))
ok "killed: some had no answer at first" grep -q '^cut' killed.said
diag "$(grant_field refusals) refusals; $(tail -n 1 killed.said)"
ok "it ends well" server_kill 0 TERM
ok "the audit log verifies" audit_is_well
is "$(events | grep -cx node.enrol)" 2 "and tells of two machines"
done_testing
