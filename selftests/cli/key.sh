#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# merlon key, merlon trust: files of keys, passphrases, whom a node believes.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=common.bash
. "$(dirname "$0")/common.bash"
cd "$tap_dir" || exit

# --- generate ---------------------------------------------------------------
yes "a key without passphrase" key generate --no-passphrase -o plain.key --json
json .protected false "JSON says that it is not protected"
json '.public | startswith("merlon-public-key:")' true "and has the public key"
json '.id | test("^[0-9a-f]{64}$")' true "and its id"
public=$(jq -r .public out) id=$(jq -r .id out)
is "$(stat -c %a plain.key)" 600 "nobody else can read the file"
misuse "exists" "a key is never overwritten" key generate --no-passphrase -o plain.key
misuse "terminal.*--passphrase-fd" "without a terminal it says what to do" \
	key generate -o asked.key
not_ok "and leaves no file" test -e asked.key
misuse "open|directory|No such" "a directory that is not there" \
	key generate --no-passphrase -o nowhere/policy.key

# --- passphrases ------------------------------------------------------------
(umask 077 && echo "correct horse" >pass && echo "wrong" >wrong)
yes "a key with a passphrase from a file" \
	key generate -o locked.key --passphrase-file pass --json
json .protected true "JSON says that it is protected"
not_ok "the passphrase is not in the file" grep -q horse locked.key
chmod 644 pass
misuse "read|0644|0600|mode" "a passphrase that others can read is refused" \
	key generate -o loose.key --passphrase-file pass
chmod 600 pass
status=0
"$merlon" key generate -o byfd.key --passphrase-fd 7 7<pass >out 2>err || status=$?
is "$status" 0 "a passphrase by descriptor"
misuse "passphrase-fd is 'x'" "a descriptor is a number" \
	key generate -o x.key --passphrase-fd x

# --- show -------------------------------------------------------------------
yes "the public half of a key file" key show plain.key --json
json .public "$public" "is the one that was generated"
yes "also of a locked one, without its passphrase" key show locked.key
yes "and of its text" key show "$public" --json
json .id "$id" "with the same id"
misuse "No such file" "a file that is not there" key show nothing.key
no "key" "a text that is not a key" key show "merlon-public-key:AAAA"
head -c 200 /dev/urandom >noise.key
chmod 600 noise.key
no "noise.key: not a key file$" "noise is not a key" key show noise.key
echo '{}' >other.json
chmod 644 other.json
no "other.json: not a key file$" "nor is a file that others may read" key show other.json
sed 's/seed ./seed -/' plain.key >altered.key
chmod 600 altered.key
no "not a secret key of Merlon, or altered" "a key that was altered" key show altered.key
chmod 644 altered.key
misuse "mode 0644" "a key that others can read" key show altered.key

# --- trust ------------------------------------------------------------------
yes "trust by public key" trust init --network home --node server --key "$public" \
	--trust trust.json --json
json '[.network, .node, .keys[0]] | join(" ")' "home server $id" "says who and whom"
no "exists.*--replace" "is not replaced by accident" trust init --network home \
	--node server --key "$public" --trust trust.json
yes "but on purpose, and by two keys, one from its file" trust init --network home \
	--node server --key "$public" --key locked.key --trust trust.json --replace --json
json '.keys | length' 2 "both are there"
misuse "say --network" "the network is needed" trust init --node a --key "$public"
misuse "say --node" "the node is needed" trust init --network a --key "$public"
misuse "--key" "a key is needed" trust init --network a --node b --trust t2.json
misuse "name|letter" "a network must have a proper name" trust init --network 'a b' \
	--node b --key "$public" --trust t2.json
not_ok "and nothing was written" test -e t2.json
misuse "merlon-public-key|base64|key" "a key must be one" trust init --network a \
	--node b --key "merlon-public-key:x" --trust t2.json

done_testing
