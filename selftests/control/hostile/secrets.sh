#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# Secrets that can be recognised are given to merlon-control, in the right places and in
# wrong ones; then everything that the programs wrote is searched for them, in every form.
#
#	owner, strangers ---- TLS ---- merlon-control ---- merlon-signer

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=../real.bash
. selftests/control/real.bash
peopled=$build/control/peopled
[ -x "$peopled" ] || bail "$peopled is not built: make people-programs"
cores=$(cat /proc/sys/kernel/core_pattern)
ulimit -c unlimited
control_setup
server_start 0
policy_publish 1

# --- the canaries ------------------------------------------------------------------------
password=canary-password-$RANDOM$RANDOM
wrong=canary-mistyped-$RANDOM$RANDOM
local_api /v1/admins -d "{\"name\":\"anna\",\"role\":\"owner\",\"password\":\"$password\"}" >/dev/null
secret=$(jq -r .totp body | sed -n 's/.*secret=\([A-Z2-7]*\).*/\1/p')
recovery=$(jq -r '.recovery[0]' body) unused=$(jq -r '.recovery[1]' body)
mkdir clock
code() { "$peopled" code clock "$secret" "$1"; }
login() { # PASSWORD WHAT CODE [CURL OPTION...]
	api /v1/session -d "{\"name\":\"anna\",\"password\":\"$1\",\"$2\":\"$3\"}" "${@:4}"
}
first=$(code 0)
is "$(login "$password" totp "$first")" 200 "an owner logs in"
token=$(jq -r .token body)
bearer=(-H "authorization: Bearer $token")
is "$(login "$password" totp "$first" --interface 127.6.0.1)" 403 "her code again is refused"
is "$(login "$wrong" totp "$(code 1)" --interface 127.6.0.2)" 403 "a mistyped password too"
is "$(login "$password" recovery "$recovery")" 200 "a recovery code lets in"
second=$(jq -r .token body)
is "$(login "$password" recovery "$recovery" --interface 127.6.0.3)" 403 "once"
key_create >key
mkdir n1
is "$("$joiner" join - n1 n1 <key | head -n 1)" 200 "a machine joins"
key_text=$(cut -c14- key)

# --- in wrong places -----------------------------------------------------------------------
# Each is an error that is told of, or could be.
at=0
api "/v1/session?token=$token" >/dev/null
api "/v1/nodes/x" "${bearer[@]}" -H "cookie: token=$second" >/dev/null
api /v1/session -H "authorization: Bearer $password" --interface 127.6.0.4 >/dev/null
api /v1/session -d "{\"name\":\"$password\",\"password\":\"x\",\"totp\":\"$secret\"}" --interface 127.6.0.5 >/dev/null
api /v1/session -d "{\"name\":\"anna\",\"$password\":\"x\"}" --interface 127.6.0.6 >/dev/null
api /v1/session -d "{\"name\":\"anna\",\"password\":\"$password\"" --interface 127.6.0.7 >/dev/null
api /v1/join -d "{\"join\":\"$(cat key)\",\"certificateRequest\":\"$(cat key)\"}" --interface 127.6.0.8 >/dev/null
api /v1/admins "${bearer[@]}" -d "{\"name\":\"bert\",\"role\":\"$password\",\"password\":\"$password\"}" >/dev/null
api /v1/admins "${bearer[@]}" -d "{\"name\":\"bert\",\"role\":\"viewer\",\"password\":\"$password\"}" >/dev/null
api /v1/admins/bert/reset "${bearer[@]}" -d "{\"password\":\"$wrong\"}" >/dev/null
# A token that is one letter from a good one.
first_letter=A
[ "${token:0:1}" != A ] || first_letter=B
forged=$first_letter${token:1}
is "$(api /v1/status -H "authorization: Bearer $forged" --interface 127.6.0.9)" 403 "a forged token is worth nothing"
is "$(api /v1/session/step-up "${bearer[@]}" -d "{\"totp\":\"$(code 1)\"}")" 200 "a step-up"
stepped=$(jq -r .token body)
is "$(api /v1/status "${bearer[@]}" --interface 127.6.0.10)" 403 "ends the token before it"
is "$(api /v1/status -H "authorization: Bearer $stepped")" 200 "and the new one is good"

# --- a death ---------------------------------------------------------------------------------
like "$(cat "/proc/${server[0]}/limits")" 'Max core file size +0 +0' "the server leaves no core file"
like "$(cat "/proc/$signer/limits")" 'Max core file size +0 +0' "nor does the signer"
is "$(stat -c %U "/proc/${server[0]}/environ")" root "nor may its own user look into it"
kill -SEGV "${server[0]}"
server_kill 0 0
is "$?" 139 "it dies of a signal"
is "$(find . -name 'core*' -newer key -type f)" "" "and left none (core_pattern: $cores)"
server_start 0
ok "it ends well" server_kill 0 TERM

# --- what was written --------------------------------------------------------------------------
rm -rf n1 clock key body
find state ledger ./*.log started-0 control-0.json key.err -type f -print0 | xargs -0 cat >written
xxd -p written | tr -d '\n' >hex
ok "$(wc -c <written) bytes were written" test "$(wc -c <written)" -gt 20000
# The same bytes as they are, in hex, and in base64 at each of its three offsets; whatever the case.
hex() { printf %s "$1" | xxd -p | tr -d '\n'; }
in_base64() { # TEXT: without what depends on its neighbours
	local text=$1 i

	for i in 0 1 2; do
		printf '%*s%s' "$i" '' "$text" | base64 -w 0 | sed -E 's/^.{4}//; s/.{4}$//'
		echo
	done
}
written_has() {
	grep -qaiF -- "$1" written || grep -q "$(hex "$1")" hex || grep -qaiF -- "$(hex "$1")" written ||
		in_base64 "$1" | grep -qaF -f - written
}
raw_has() { grep -q "$1" hex || grep -qaiF "$1" written; }	# HEX
ok "control: a node's name is found" written_has n1
printf 'x%s' "$(printf 'some %s' "$password" | base64 -w 0)" >>written
ok "control: and a password that is there in base64" written_has "$password"
truncate -s "-$(printf 'x%s' "$(printf 'some %s' "$password" | base64 -w 0)" | wc -c)" written
not_ok "the password is not" written_has "$password"
not_ok "nor the mistyped one" written_has "$wrong"
not_ok "nor the secret of the codes" written_has "$secret"
not_ok "nor its bytes" raw_has "$(base32 -d <<<"$secret" | xxd -p | tr -d '\n')"
for one in "$token" "$second" "$stepped"; do
	not_ok "no token" written_has "$one"
	not_ok "nor its bytes" raw_has "$(tr '_-' '/+' <<<"$one=" | base64 -d | xxd -p | tr -d '\n')"
done
not_ok "no recovery code, used" written_has "$recovery"
not_ok "or not" written_has "$unused"
not_ok "nor without its dashes" written_has "${unused//-/}"
not_ok "no one-time key as it was printed" written_has "$key_text"
not_ok "nor its seed" raw_has "$(tr '_-' '/+' <<<"${key_text:0:44}" | base64 -d 2>/dev/null | head -c 32 | xxd -p | tr -d '\n')"
done_testing
