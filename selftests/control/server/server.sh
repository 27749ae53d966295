#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# merlon-control and merlon-signer as they are installed: users of their own, behind their
# system call filters, SQLite. Everybody else is on loopback, from addresses of their own:
#
#	joiner (127.0.0.x, 127.1.x.y) --- TLS ---+
#	                                         merlon-control --- unix socket --- merlon-signer
#	commands (root) ------- admin.sock ------+    |                                  |
#	                                            store, audit log                  ledger
#
# BUILD=asan: the same with sanitizers.

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=common.bash
. selftests/control/server/common.bash
crowd=$build/server/crowd trustee=${merlon%/*}/tools/trustee
for program in "$crowd" "$trustee"; do
	[ -x "$program" ] || bail "$program is not built"
done

# What it says is kept, and systemd's socket is a test's.
start_server() {
	: >"$dir/started"
	NOTIFY_SOCKET=$dir/notify "$build/merlon-control" serve --config "$dir/control.json" \
		--user daemon > >(tee -a "$dir/server.log" >"$dir/started") 2>&1 &
	server=$!
	wait_for 20 grep -q 'ready:' "$dir/started" || bail "no server: $(cat "$dir/started")"
}
api() { curl -sS -k -o "$dir/body" -w '%{http_code}' "${@:2}" "https://127.0.0.1:$port$1"; }
events() { "$merlon" audit show --json --key "$dir/state/audit.pub" "$dir/state/audit" 2>/dev/null | jq -r '.. | .event_type? // empty'; }
generation() { control status --json | jq -r '.generation | if . then "\(.epoch) \(.serial)" else "0 0" end'; }

socat -u UNIX-RECV:"$dir/notify" - >notified &
notifier=$!
at_exit kill "$notifier"
wait_for 5 test -S "$dir/notify"
chmod 666 "$dir/notify"

# --- a new network ----------------------------------------------------------
init net >init.out 2>&1 || bail "init: $(cat init.out)"
like "$(cat init.out)" "hosted, this server can invent" "init makes a hosted network, and says what that means"
exits 2 "a second init does nothing" init net
not_ok "without a terminal, and without a word about a passphrase, there is no network" \
	setsid -w "$build/merlon-control" init --network other --url https://127.0.0.1:1 \
	--directory "$dir/other" --config "$dir/other.json" --keys "$dir/other-keys" --user daemon \
	--signer-directory "$dir/other-ledger" --signer-user nobody --signer-program "$beginner"
like "$(cat "$tap_dir/output")" "--no-passphrase" "and it says how"
not_ok "nor a key" ls other-keys/root.key
is "$(stat -c %U:%a state/authority.key state/server.key state/audit.key state/store.db ledger/ledger keys/membership.key |
	tr '\n' ' ')" \
	"daemon:600 daemon:600 daemon:600 daemon:600 nobody:600 root:600 " "secrets belong to whom they should"
exits 2 "health without a server" control health
start_signer
start_server
is "$(sed -n 's/^Seccomp:\t//p' "/proc/$server/status")" "$([ "${BUILD:-}" = asan ] && echo 0 || echo 2)" \
	"the server is behind a filter (but for sanitizers)"
is "$(awk '/^(Uid|CapEff)/ {print $2}' "/proc/$server/status" | tr '\n' ' ')" \
	"$(id -u daemon) 0000000000000000 " "it is daemon, and has no rights"
ok "systemd is told" wait_for 5 grep -q READY=1 notified
exits 1 "health without a policy says what is missing" control health
like "$(control status)" "hosted, this server can invent" "and so does status"
cat >policy <<'END'
{
	"network": {"ipv4": "100.64.0.0/12"},
	"tagOwners": {"tag:web": []},
	"nodes": {"gate": {"addresses": ["100.64.0.1"]}},
	"grants": [{"src": ["gate"], "dst": ["tag:web"], "ip": ["tcp:443"]}],
}
END
ok "a policy is published" publish policy
ok "its generation comes" wait_for 10 nodes_are 1
ok "all is well" control health
echo '{"tagOwners": 3}' >bad
exits 2 "a policy that is none is refused, with the signer's sentence" publish bad
like "$(cat "$tap_dir/output")" "tagOwners" "which names the line"

# --- a node -----------------------------------------------------------------
key_create --tag tag:web >key || bail "no key: $(cat key.err)"
like "$(cat key)" '^merlon-key-1:' "a one-time key is made"
is "$(join key n1)" 200 "a machine joins"
is "$(tail -n 1 n1/answer | jq -r .state)" active "and is active"
"$joiner" again 127.0.0.10 "$dir/n1" >again
ok "an identical join has the same answer, from whomever" cmp again n1/answer
is "$("$joiner" fetch 127.0.0.9 "$dir/n1" 2>&1 | cut -d' ' -f3)" n1 "its bundle verifies under the root"
is "$(join key n2)" 403 "a second use of a key is refused"
is "$(tail -n 1 n2/answer | jq -r .error)" refused "with a word that says nothing"
is "$(api /v1/generation?epoch=0\&serial=0)" 403 "without a certificate there is no generation"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout foreign.key -out foreign.pem \
	-subj /CN=n1 -days 2 2>/dev/null
is "$(api /v1/generation?epoch=0\&serial=0 --cert foreign.pem --key foreign.key)" 403 \
	"nor with another's certificate"
is "$(api "/v1/blocks/$(printf '0%.0s' {1..64})" --cert n1/tls.pem --key n1/tls.key)" 404 \
	"blocks that its leaf does not name are not there"
is "$("$joiner" renew 127.0.0.9 n1 "$dir/n1" | head -n 1)" 200 "a certificate by the identity key"
is "$(api /v1/generation?epoch=0\&serial=0 --cert n1/tls.pem --key n1/tls.key)" 200 "which is good"
mkdir stolen && cp n1/url n1/root.json stolen
is "$("$joiner" renew 127.0.0.9 n3 "$dir/stolen" | head -n 1)" 403 "none for who is not in"
openssl req -new -key n1/tls.key -subj /CN=x 2>/dev/null | jq -Rs '{certificateRequest: .}' >request.json
is "$("$joiner" post - "$dir/n1" /v1/certificate request.json | head -n 1)" 200 "a certificate before the end"

# --- what a join must be -----------------------------------------------------
wait_for 10 bash -c "[ \"\$($build/merlon-control status --json --config $dir/control.json | jq .generation.nodes)\" = 2 ]"
# Unsealing takes the better part of a second: one key does for all that follow.
key_create --tag tag:web --uses 25 >many
is "$(join many n2)" 200 "another machine"
ok "which is in a generation" "$joiner" fetch - "$dir/n2"
leaf=$("$joiner" poll - "$dir/n2" 0 0 5 | tail -n 1 | jq -r .leaf | base64 -d | sha256sum | cut -d' ' -f1)
is "$(api "/v1/blocks/$leaf" --cert n2/tls.pem --key n2/tls.key)" 200 "a node gets its own leaf"
is "$(api "/v1/blocks/$leaf" --cert n1/tls.pem --key n1/tls.key)" 404 "and nobody else's"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=x 2>/dev/null >csr
mkdir n4 && "$joiner" join 127.0.0.9 n4 "$dir/n4" <many >n4/answer
is "$(status_of n4/answer)" 200 "a third"
# The same join with somebody else's certificate request: tlsKey is under the signature.
mkdir n11 && "$joiner" prepare 127.0.0.9 n11 "$dir/n11" <many
jq --rawfile csr csr '.certificateRequest = $csr' n11/join.json >swapped.json
is "$("$joiner" post - "$dir/n1" /v1/join swapped.json | head -n 1)" 403 \
	"a join with another's certificate request is refused"
is "$("$joiner" again - "$dir/n11" | head -n 1)" 200 "and is still good for its own"
is "$("$joiner" twice 127.0.0.9 n12 <many)" "200 403" "a nonce is good once"
stop_signer
is "$(join many n5)" 503 "without the signer a join is kept"
like "$(control health)" "signer" "and health says so"
start_signer
ok "the signer is found again" wait_for 10 control health
is "$("$joiner" again - "$dir/n5" | head -n 1)" 200 "and the same join is good then"
jq --rawfile csr csr '.certificateRequest = $csr' n5/join.json >swapped.json
"$joiner" post - "$dir/n1" /v1/join swapped.json >swapped
is "$(tail -n 1 swapped | jq -r .certificate | openssl x509 -noout -pubkey)" \
	"$(tail -n 1 swapped | jq -r .certificate >c.pem; "$joiner" again - "$dir/n5" | tail -n 1 |
		jq -r .certificate | openssl x509 -noout -pubkey)" \
	"a join with another's certificate request brings the certificate of the one who signed"
"$joiner" join 127.0.0.9 n6 "$dir/stolen" <many >/dev/null
jq '.join.payload |= (@base64d | sub("n6"; "n7") | @base64)' stolen/join.json >forged.json
is "$("$joiner" post - "$dir/n1" /v1/join forged.json | head -n 1)" 403 "a name that was changed behind the signature"
is "$(api /v1/join -d '{"join":{},"certificateRequest":"x","more":1}')" 400 "a key that is not known"
is "$(api /v1/join -d '{"join":')" 400 "what is no JSON"
is "$(api /v1/nothing)" 404 "a path that is none"
is "$(api /v1/join -X GET)" 405 "a method that is none"

# --- one key, 200 machines at once --------------------------------------------
key_create --tag tag:web >key
race=$("$crowd" race 200 "$dir/won" <key 2>race.err | grep '^[0-9]' | tr '\n' ' ')
is "$race" "200 1 403 199 " "one key, 200 parallel joins from 200 addresses: one success"
key_create --tag tag:web --uses 5 >key
race=$("$crowd" race 60 "$dir/won" <key 2>>race.err | grep '^[0-9]' | tr '\n' ' ')
like "$race" "^200 [45] 4" "five uses (the winner before has its name): no more than five"
diag "$race"

# --- revocation ----------------------------------------------------------------
# Until everybody is in a generation, the next would end the polls below: gate, n1, n2, n4,
# n5, n6, n11, n12-0, and those who won.
winners=$(cut -d' ' -f2 <<<"$race")
ok "all who were let in are in a generation" wait_for 10 nodes_are $((9 + winners))
read -r epoch serial <<<"$(generation)"
"$joiner" poll 127.0.0.9 "$dir/n2" "$epoch" "$serial" 40 >poll2 2>&1 &
revoked=$!
"$joiner" poll 127.0.0.9 "$dir/n1" "$epoch" "$serial" 40 >poll1 2>&1 &
other=$!
wait_for 5 bash -c "[ \$(ss -Htn state established '( sport = :$port )' | wc -l) -ge 2 ]"
begun=${EPOCHREALTIME/./}
is "$(local_api /v1/revoke -d '{"node":"n2"}')" 200 "root at the local socket revokes"
wait "$revoked"
took=$((${EPOCHREALTIME/./} - begun))
is "$(status_of poll2)" 403 "the revoked node's poll ends with a refusal"
ok "within 2 s ($((took / 1000)) ms)" test "$took" -lt 2000000
wait "$other"
is "$(status_of poll1)" 200 "the others' polls bring the next generation"
is "$("$joiner" again - "$dir/n2" | head -n 1)" 403 "its join is worth nothing any more"
is "$("$joiner" renew - n2 "$dir/n2" | head -n 1)" 403 "nor its identity key"
is "$(api /v1/revoke -d '{"node":"n1"}')" 403 "a stranger does not revoke"
is "$(setpriv --reuid nobody --clear-groups curl -sS --http2-prior-knowledge --unix-socket "$dir/admin.sock" \
	-o /dev/null -w '%{http_code}' -d '{"node":"n1"}' http://localhost/v1/revoke)" 403 \
	"nor another user of the machine"

sign() { "$joiner" revocation net "$1" "$2" "$dir/keys/$3.key" 3<<<"$passphrase" >revocation.json; }
sign n4 0 policy
is "$(api /v1/revoke -d @revocation.json)" 403 "nor a signature of another role"
sign n4 -86400 membership
is "$(api /v1/revoke -d @revocation.json)" 409 "one of yesterday does not mean a node of today"
is "$("$joiner" fetch - "$dir/n4" | cut -d' ' -f3)" n4 "(which is in)"
sign n4 0 membership
is "$(api /v1/revoke -d @revocation.json)" 200 "a revocation that membership signed needs no session"
is "$(api /v1/generation?epoch=0\&serial=0 --cert n4/tls.pem --key n4/tls.key)" 403 "and holds"

# --- certificates anew, the end ---------------------------------------------------
read -r epoch serial <<<"$(generation)"
"$joiner" poll - "$dir/n1" "$epoch" "$serial" 40 >poll1 2>&1 &
waiting=$!
wait_for 5 bash -c "[ \$(ss -Htn state established '( sport = :$port )' | wc -l) -ge 1 ]"
kill -HUP "$server"
ok "SIGHUP: certificates are read again" wait_for 10 grep -q 'certificates were read again' server.log
is "$(join many n8)" 403 "a key by which a node came that was revoked is ended, too"
key_create --tag tag:web --uses 25 >many
is "$(join many n8)" 200 "new connections are served"
wait "$waiting"
is "$(status_of poll1)" 200 "and a poll that waited was not cut"
is "$("$joiner" fetch - "$dir/n8" | cut -d' ' -f3)" n8 "who came since is in a generation"
read -r epoch serial <<<"$(generation)"
"$joiner" poll - "$dir/n1" "$epoch" "$serial" 40 >poll1 2>&1 &
waiting=$!
wait_for 5 bash -c "[ \$(ss -Htn state established '( sport = :$port )' | wc -l) -ge 1 ]"
ok "SIGTERM: it ends with status 0" stop_server
wait "$waiting"
is "$(status_of poll1)" 204 "and who waited was answered"
start_server
is "$("$joiner" fetch - "$dir/n8" | cut -d' ' -f3)" n8 "it goes on where it was"

# --- what cannot be told of does not happen -----------------------------------------
# Only its own user may change a process's limits without rights of his own.
full() { setpriv --reuid daemon --regid daemon --clear-groups prlimit --pid "$server" --fsize="$1":; }
full 4096
is "$(join many n9)" 503 "a full disk: no join"
is "$(local_api /v1/revoke -d '{"node":"n1"}')" 503 "no revocation"
is "$(api /v1/generation?epoch=0\&serial=0 --cert foreign.pem --key foreign.key)" 503 \
	"not even a refusal, without its entry"
full unlimited
ok "the disk has room again" wait_for 10 bash -c \
	"[ \$($joiner again - $dir/n9 | head -n 1) != 503 ] || [ \$(cd $dir; $joiner join - n9 $dir/n9 <many | head -n 1) = 200 ]"
chown root state/audit
chmod 755 state/audit
api /v1/generation?epoch=0\&serial=0 >/dev/null
ok "tiles that cannot be written are noticed" wait_for 10 grep -q 'audit log cannot be written' server.log
is "$(join many n10)" 503 "and no join is taken"
chown daemon state/audit
chmod 700 state/audit
ok "until they can be" wait_for 10 bash -c "cd $dir; [ \$($joiner join - n10 $dir/n10 <many | head -n 1) = 200 ]"

# --- what was told of ---------------------------------------------------------------
stop_server
events | sort | uniq -c >told
diag "$(tr -s ' \n' ' ' <told)"
for event in server.start server.stop auth.success auth.failure auth.failures authz.failure key.create \
	node.enrol node.revoke policy.change root.change cert.issue cert.renew signer.sign signer.lost \
	config.change; do
	ok "the audit log has $event" grep -qw -- "$event" told
done

ok "and verifies" "$merlon" audit verify --key "$dir/state/audit.pub" "$dir/state/audit"

# --- secrets ---------------------------------------------------------------------
# What the programs wrote, as hex, so that no form of it hides; a name is the control.
find state ledger keys ./*.log init.out key.err -type f -print0 | xargs -0 cat | xxd -p | tr -d '\n' >written
found() { grep -q "$(printf %s "$1" | xxd -p | tr -d '\n')" written; }
seed=$(sed 's/^merlon-key-1://' many | tr -d '\n' | basenc -d --base64url 2>/dev/null | head -c 32 | xxd -p | tr -d '\n')
is "${#seed}" 64 "a one-time key's seed to look for"
ok "what was written holds a node's name" found n10
not_ok "but not the passphrase" found "$passphrase"
not_ok "nor a one-time key's seed" grep -q "$seed" written
not_ok "in hex neither" found "$seed"
not_ok "nor in base64" found "$(xxd -r -p <<<"$seed" | base64 | head -c 42)"
not_ok "nor as it was printed" found "$(cut -c14-50 many)"

# --- keys elsewhere ----------------------------------------------------------------
stop_signer
"$trustee" root net 1 0 r1 >root1
rm -rf state ledger control.json keys2
init net --root root1 --keys "$dir/keys2" >init.out 2>&1
like "$(cat init.out)" "withhold, not invent" "with keys that are elsewhere, it says so"
not_ok "and makes none" test -e keys2
"$trustee" root net 1 0 m1 >bad
rm -rf state control.json
exits 2 "a root that its own keys did not sign is refused" init net --root bad

done_testing
