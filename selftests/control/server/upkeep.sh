#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# What an operator does to a network that runs, with the commands of docs/operations.md:
# revoke, renew the root, replace the keys of roles one after the other, raise the epoch.
# A node that joined before goes along with all of it.
#
#	joiner (127.0.0.x) --- TLS --- merlon-control --- unix socket --- merlon-signer
#
# BUILD=asan: the same with sanitizers.

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=common.bash
. selftests/control/server/common.bash

root_renew() { "$build/merlon-control" root renew --config "$at/control.json" --root-key keys/root.key --passphrase-fd 3 "$@" 3<<<"$passphrase"; }
key_new() { "$merlon" key generate --no-passphrase --output "$1" >/dev/null; }
root_is() { [ "$(control status --json | jq -r '.root | "\(.version) \(.epoch)"')" = "$1" ]; }
generation_is() { [ "$(control status --json | jq -r .generation.epoch)" = "$1" ]; }
fetched() { "$joiner" fetch - "$dir/$1" 2>&1 | cut -d' ' -f1,3; }
fetches() { [ "$(fetched "$1")" = "$2" ]; }

network_start
key_create --tag tag:web --uses 25 >many
is "$(join many n1)" 200 "a node joins"
is "$(join many n2)" 200 "and another"
ok "one is revoked" control revoke --node n2
is "$("$joiner" renew - n2 "$dir/n2" | head -n 1)" 403 "and is out"
exits 2 "a node that is none is not" control revoke --node nobody
is "$(join many n3)" 403 "its key is ended, too"
key_create --tag tag:web --uses 25 >many
is "$(join many n2)" 409 "its name stays taken"
is "$(join many n5)" 200 "under another it can come back, by another key"
cp ledger/ledger ledger.old

# --- the root ---------------------------------------------------------------------------
ok "the root is renewed" root_renew --days 400
ok "and says the same, later" root_is "2 1"
ok "the node fetches" wait_for 10 fetches n1 "1 n1"
exits 2 "with a key that is no root key it is not" "$build/merlon-control" root renew --config control.json \
	--root-key keys/policy.key --passphrase-fd 3 3<<<"$passphrase"
ok "nothing came of it" root_is "2 1"
ok "the epoch is raised" root_renew --raise-epoch
ok "which is another root" root_is "3 2"
not_ok "and nothing is signed in it yet" generation_is 2
ok "but what a policy is published for" publish policy
ok "is signed" wait_for 10 generation_is 2
ok "the node goes along" wait_for 10 fetches n1 "2 n1"

# --- keys of roles --------------------------------------------------------------------------
for role in policy membership; do
	key_new "new-$role.key"
	ok "a new key for $role" root_renew --replace "$role=new-$role.key"
	cp "keys/$role.key" "old-$role.key"
	cp "new-$role.key" "keys/$role.key"
	ok "publishing goes on" publish policy
done
ok "all of it is signed" wait_for 10 generation_is 4
cp keys/policy.key kept.key && cp old-policy.key keys/policy.key
exits 2 "the old policy key publishes nothing" publish policy
cp kept.key keys/policy.key
key_create --tag tag:web >key
is "$(join key n4)" 200 "the new membership key lets in"
"$build/merlon-control" key create --config control.json --passphrase-fd 3 --membership-key old-membership.key \
	--tag tag:web 3<<<"$passphrase" >key 2>key.err
like "$(cat key.err)" "refused" "the old one does not"
key_new new-signing.key
ok "a new key for signing" root_renew --replace signing=new-signing.key
stop_signer
cp keys/signing.key kept-signing.key
cp new-signing.key keys/signing.key
start_signer
ok "the signer has it" wait_for 10 publish policy
ok "and signs" wait_for 10 generation_is 5
ok "the node goes along, by the chain of roots" wait_for 10 fetches n1 "5 n1"
key_new new-root.key
exits 2 "a new root key that has not signed itself is refused" root_renew --replace root=new-root.key
ok "one that has, and the old one, are taken" root_renew --replace root=new-root.key --root-key new-root.key
cp new-root.key keys/root.key
ok "and it rules" root_renew
publish policy >/dev/null
ok "the node goes along" wait_for 10 fetches n1 "6 n1"
stop_server
ok "the audit log verifies" audit_verify

# --- a ledger that was put back ----------------------------------------------------------
start_server
stop_signer
cat ledger.old >ledger/ledger
cp kept-signing.key keys/signing.key
start_signer
ok "the server sees that the signer forgot" wait_for 10 grep -q "the signer's ledger ends at generation 1" started
not_ok "and says that all is not well" control health
stop_signer
cp new-signing.key keys/signing.key
start_signer
ok "another epoch is the way out" root_renew --raise-epoch
ok "and a policy for it" publish policy
ok "which is signed" wait_for 10 generation_is 7
ok "all is well" wait_for 10 control health
ok "who joined before the copy goes along" wait_for 10 fetches n1 "7 n1"
not_ok "who joined behind it does not" "$joiner" fetch - "$dir/n4"
stop_server

# --- generations that nobody is given any more -------------------------------------------------
has() { sqlite3 state/store.db "SELECT count(*) FROM $1"; }
sqlite3 state/store.db 'UPDATE generations SET added = added - 7200'
ok "there are many generations ($(has generations)), and blocks ($(has blocks))" test "$(has generations)" -gt 3
before=$(has blocks)
start_server
collected() { [ "$(has generations)" -lt 3 ]; }
ok "those of two hours ago are forgotten, but the last" wait_for 20 collected
ok "with their blocks: $before become $(has blocks)" test "$(has blocks)" -lt "$before"
ok "who has a part in it fetches it" fetches n1 "7 n1"
stop_server

# --- another version ---------------------------------------------------------------------
ok "the store goes back to the schema of an older program" control migrate --to 1
exits 2 "which this one does not serve" "$build/merlon-control" serve --config control.json --user daemon
like "$(cat "$tap_dir/output")" "merlon-control migrate" "and says what to do"
ok "that brings it up" control migrate
is "$(stat -c %U:%a state/store.db)" daemon:600 "it is the server's still"
start_server
ok "and the node goes on" wait_for 10 fetches n1 "7 n1"
stop_server

done_testing
