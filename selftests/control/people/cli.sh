#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# merlon admin, over the local socket and over TLS.

# shellcheck source=people.bash
. "$(dirname "$0")/people.bash"

server_start
export XDG_RUNTIME_DIR=$tap_dir/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
session=$XDG_RUNTIME_DIR/merlon/session
lines() { printf '%s\n' "$@"; }
by=(--socket "$dir/admin.sock" --stdin)
over=(--server "$url" --pin "$pin" --stdin)

# --- by root, on the machine
ok "an owner is made" sh -c 'printf "%s\n" "$0" | "$@"' "$password" "$merlon" admin create anna --role owner "${by[@]}"
cp "$tap_dir/output" "$tap_dir/shown"
secret[anna]=$(secret_of <"$tap_dir/shown")
like "$(cat "$tap_dir/shown")" 'otpauth://totp/Merlon%20example-net:anna\?secret=[A-Z2-7]{32}&' "the secret is shown as a URI"
is "$(grep -cE '^(█|▀)' "$tap_dir/shown")" 25 "and as a QR code"
is "$(grep -cE '[a-z0-9]{4}(-[a-z0-9]{4}){3}$' "$tap_dir/shown")" 10 "and ten recovery codes"
recovery=$(grep -oE '[a-z0-9]{4}(-[a-z0-9]{4}){3}$' "$tap_dir/shown" | head -1)
exits 1 "not twice" sh -c 'printf "%s\n" "$0" | "$@"' "$password" "$merlon" admin create anna "${by[@]}"
like "$(cat "$tap_dir/output")" 'there is an administrator of that name' "and says why"
exits 1 "nor with a short password" sh -c 'echo short | "$@"' - "$merlon" admin create carl "${by[@]}"
exits 2 "nor by a name that is none" sh -c 'echo short | "$@"' - "$merlon" admin create '../x' "${by[@]}"
is "$("$merlon" admin list --json --socket "$dir/admin.sock" | jq -c '[.admins[] | [.name, .role, .secondFactor]]')" \
	'[["anna","owner",true]]' "list"

# --- over TLS
exits 1 "a wrong password" sh -c 'printf "%s\n" "not hers at all" 000000 | "$@"' - "$merlon" admin login anna "${over[@]}"
ok "leaves no session" test ! -e "$session"
tick 30
lines "$password" "$(code anna)" >"$tap_dir/in"
exits 2 "another server" "$merlon" admin login anna --server "$url" --pin "${pin:1}0" --stdin <"$tap_dir/in"
like "$(cat "$tap_dir/output")" 'key' "is not believed"
ok "control: login" "$merlon" admin login anna "${over[@]}" <"$tap_dir/in"
is "$(stat -c %a "$session" "$(dirname "$session")" | xargs)" "600 700" "the session's file is hers alone"
is "$("$merlon" admin list | tail -n +2 | awk '{ print $1, $2 }')" "anna owner" "and is used"
chmod 640 "$session"
exits 2 "not where others may read it" "$merlon" admin list
chmod 600 "$session"
json=$(lines "another horse and staple" | "$merlon" admin create bert --role viewer --stdin --json)
secret[bert]=$(jq -r .totp <<<"$json" | secret_of)
is "$(jq -r '.recovery | length' <<<"$json")" 10 "create, as JSON"
ok "role" "$merlon" admin role bert operator
is "$("$merlon" admin list --json | jq -r '.admins[1].role')" operator "it is another"
exits 1 "no role that there is not" "$merlon" admin role bert king
tick 301
exits 2 "five minutes later it asks for a code" "$merlon" admin role bert viewer --stdin </dev/null
before=$(jq -r .token "$session")
ok "takes it" "$merlon" admin role bert viewer --stdin <<<"$(code anna)"
after=$(jq -r .token "$session")
ok "and keeps the new token" test "$before" != "$after" -a ${#after} = 43
lines "$(openssl rand -hex 12)" >"$tap_dir/in"
ok "reset" "$merlon" admin reset bert --stdin --json <"$tap_dir/in"
new=$(jq -r .totp "$tap_dir/output" | secret_of)
ok "gives another secret" test -n "$new" -a "$new" != "${secret[bert]}"
ok "remove" "$merlon" admin remove bert
exits 1 "once" "$merlon" admin remove bert
exits 1 "not oneself, the last owner" "$merlon" admin remove anna
like "$(cat "$tap_dir/output")" 'no owner' "and says why"
ok "logout" "$merlon" admin logout
ok "forgets the session" test ! -e "$session"
api GET /v1/session "$after"
is "$status" 403 "the server, too"
exits 2 "there is no other to end" "$merlon" admin logout

# --- recover
lines "$password" "$recovery" >"$tap_dir/in"
ok "recover" "$merlon" admin recover anna "${over[@]}" --json <"$tap_dir/in"
new=$(jq -r .totp "$tap_dir/output" | secret_of)
ok "gives another secret" test -n "$new" -a "$new" != "${secret[anna]}"
exits 1 "for a code that was not used" "$merlon" admin recover anna "${over[@]}" <"$tap_dir/in"
secret[anna]=$new
tick 30
lines "$password" "$(code anna)" >"$tap_dir/in"
ok "login by the local socket" "$merlon" admin login anna "${by[@]}" <"$tap_dir/in"
tick 301
ok "where root is an owner without a code" "$merlon" admin create dora --stdin \
	<<<"a third horse and staple"
is "$("$merlon" admin list --json | jq -r '.admins | length')" 2 "and it is done"

# --- what is no use of it
exits 2 "--server alone" "$merlon" admin login anna --server "$url" --stdin </dev/null
exits 2 "--pin that is none" "$merlon" admin login anna --server "$url" --pin 00 --stdin </dev/null
exits 2 "no secret in the arguments" "$merlon" admin login anna --password x
exits 2 "no server there" "$merlon" admin list --socket "$tap_dir/none.sock"
not_ok "the journal has no secret" grep -qF -e "$password" -e "${secret[anna]}" -e "$after" "$dir/journal"
ok "the server ends well" server_end
done_testing
