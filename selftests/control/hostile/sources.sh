#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# Where secrets come from: files, systemd's credentials, descriptors, the environment; what
# others can read is refused, at start too. And an agent, as Vault's is one, which renders them
# anew while server and signer run.
#
#	agent --- credentials/, rendered/ --- merlon-signer, merlon-control ---- TLS ---- s_client

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=../server/common.bash
. selftests/control/server/common.bash
network_start
mkdir credentials rendered
chown daemon rendered

# By whoever sets the environment; nobody is there who could be asked.
by() { setsid env "$@" </dev/null; }
create=("$build/merlon-control" key create --config "$at/control.json" --membership-key "$dir/keys/membership.key" --tag tag:web)
made() { # WHAT COMMAND...
	like "$("${@:2}" 2>&1)" '^merlon-key-1:' "$1"
}

# --- passphrases ---------------------------------------------------------------------
exits 2 "control: without a passphrase there is no key" by "${create[@]}"
made "an environment variable has it" by MERLON_PASSPHRASE="$passphrase" "${create[@]}"
exits 2 "a wrong one opens nothing" by MERLON_PASSPHRASE=wrong "${create[@]}"
made "standard input" "${create[@]}" --passphrase-fd 0 <<<"$passphrase"
(umask 077 && echo "$passphrase" >credentials/keys-passphrase)
made "a credential" by CREDENTIALS_DIRECTORY="$dir/credentials" "${create[@]}"
made "which stands before the variable" by CREDENTIALS_DIRECTORY="$dir/credentials" MERLON_PASSPHRASE=wrong "${create[@]}"
chmod 644 credentials/keys-passphrase
exits 2 "not one that everybody can read" by CREDENTIALS_DIRECTORY="$dir/credentials" "${create[@]}"
like "$(cat "$tap_dir/output")" 'credentials/keys-passphrase' "(that is what is said)"
rm credentials/keys-passphrase

# --- an agent rotates the signer's key ---------------------------------------------------
generate() { "$merlon" key generate --passphrase-fd 0 --output "$1" <<<"$passphrase"; }
root_renew() {
	"$build/merlon-control" root renew --config "$at/control.json" --root-key keys/root.key \
		--passphrase-fd 0 "$@" <<<"$passphrase"
}
signed_by() { local_api /v1/generations >/dev/null && jq -r '.generations[-1].envelope | @base64d? // . | fromjson? // . | .signatures[].keyid' body; }
render() { install -m "${3:-600}" -o "${4:-root}" "$1" "$2.new" && mv "$2.new" "$2"; }
signer_by_credential() {
	rm -f signer.sock
	env CREDENTIALS_DIRECTORY="$dir/credentials" "$@" "$build/merlon-signer" --state-dir "$at/ledger" \
		--socket "$at/signer.sock" --user nobody --server-user daemon 2>>signer.log &
	signer=$!
	wait_for 10 test -S "$at/signer.sock"
}
stop_signer
render keys/signing.key credentials/signing-key
ok "the signer reads its key from a credential" signer_by_credential
before=$(signed_by)
like "$before" '^[0-9a-f]{64}$' "by which the generation is signed"
ok "another key is made" generate signing-2.key
ok "the root names it" root_renew --replace signing=signing-2.key
stop_signer
render signing-2.key credentials/signing-key
ok "the agent renders it, and the signer starts with it" signer_by_credential MERLON_PASSPHRASE="$passphrase"
sed 's/443/444/' policy >policy-2
ok "a policy is published" publish policy-2
another_signed() { local now; now=$(signed_by) && [ -n "$now" ] && [ "$now" != "$before" ]; }
ok "the next generation is signed by it" wait_for 20 another_signed
env MERLON_PASSPHRASE="$passphrase" sleep 60 &
sleeper=$!
at_exit kill "$sleeper"
environment_of() { tr '\0' '\n' <"/proc/$1/environ"; }
sleeps() { environment_of "$sleeper" | grep -qxF "MERLON_PASSPHRASE=$passphrase"; }
ok "control: /proc shows what a process was given" wait_for 10 sleeps
like "$(environment_of "$signer")" '^CREDENTIALS_DIRECTORY=' "of the signer, too"
not_ok "but not its passphrase any more" grep -qaF "$passphrase" "/proc/$signer/environ"
ok "a root key with the same passphrase is made" generate root-2.key
ok "said once, that opens the old one and the new" root_renew --root-key root-2.key --replace root=root-2.key

# --- an agent rotates the server's certificate ---------------------------------------------
certificate() { # NAME: made by a PKI of its own
	must openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-addext subjectAltName=IP:127.0.0.1 -keyout "$1.key" -out "$1.pem"
}
certificate one
certificate two
certificate_render() { render "$1.key" rendered/tls.key 600 daemon && render "$1.pem" rendered/tls.pem 644 daemon; }
shown() { openssl s_client -connect "127.0.0.1:$port" -alpn h2 </dev/null 2>/dev/null | sed -n 's/^ 0 s:CN = //p'; }
reload() { # then SENTENCE is in the log
	: >started
	kill -HUP "$server"
	wait_for 20 grep -q "$1" started
}
certificate_render one
ok "the server ends" stop_server
jq --arg at "$dir/rendered" '.certificate = $at + "/tls.pem" | .certificateKey = $at + "/tls.key"' control.json >new.json
install -m 644 new.json control.json
start_server
is "$(shown)" one "the server shows what the agent rendered"
certificate_render two
is "$(shown)" one "until it is told"
ok "SIGHUP" reload 'certificates were read again'
is "$(shown)" two "then it shows the new one"
render one.key rendered/tls.key 600 daemon
ok "a key of another certificate is refused" reload 'stay as they were: .*tls.key'
is "$(shown)" two "and the one before stays"
render two.key rendered/tls.key 644 daemon
ok "so is one that everybody can read" reload 'stay as they were: .*tls.key'
is "$(shown)" two "(the one before stays)"

# --- addresses ------------------------------------------------------------------------------
# Never with a key of everybody's, either: the server makes one, and nobody else reads it.
stop_server
render two.key rendered/tls.key 600 daemon
jq '.auditAddresses = "hashed"' control.json >new.json
install -m 644 new.json control.json
sources() { "$merlon" audit show --json --key state/audit.pub state/audit | jq -r '.. | .source_ip? // empty' | grep "$1" | sort -u; }
fail_once() {
	start_server
	curl -sk -o /dev/null "https://127.0.0.1:$port/v1/status" -H 'authorization: Bearer nothing'
	stop_server
}
fail_once
is "$(stat -c '%U %a %s' state/address.key)" "daemon 600 32" "addresses are hashed under a key that the server makes"
is "$(sources keyed: | wc -l)" 1 "so a stranger is known"
fail_once
is "$(sources keyed: | wc -l)" 1 "again"
not_ok "but not his address" sources 127.0.0.1
rm state/address.key
fail_once
is "$(sources keyed: | wc -l)" 2 "until the key is destroyed: then he is another"

# --- what others can read, at start -----------------------------------------------------------
refuses() { # FILE MODE COMMAND...: an error that names it
	local mode

	mode=$(stat -c %a "$1")
	chmod "$2" "$1"
	exits 2 "$1 with mode $2 is refused" timeout 20 "${@:3}"
	like "$(cat "$tap_dir/output")" "$1" "(that is what is said)"
	chmod "$mode" "$1"
}
serve=("$build/merlon-control" serve --config "$at/control.json" --user daemon)
for file in authority.key audit.key address.key; do
	refuses "state/$file" 640 "${serve[@]}"
done
refuses rendered/tls.key 644 "${serve[@]}"
refuses control.json 666 "${serve[@]}"
stop_signer
sign=("$build/merlon-signer" --socket "$at/signer.sock" --user nobody --server-user daemon --state-dir "$at/ledger")
refuses keys/signing.key 644 "${sign[@]}" --key "$dir/keys/signing.key"
refuses ledger 755 "${sign[@]}" --key "$dir/keys/signing.key"
start_server
refuses keys/membership.key 644 "${create[@]}" --passphrase-fd 0 <<<"$passphrase"
is "$(shown)" two "control: as they were they will do"
made "all of them" "${create[@]}" --passphrase-fd 0 <<<"$passphrase"
ok "the server ends well" stop_server
ok "the audit log verifies" audit_verify
done_testing
