#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Logins and sessions, by somebody who would like to have one that is not his.

# shellcheck source=people.bash
. "$(dirname "$0")/people.bash"

server_start
admin anna owner
codes=$recovery
admin bert viewer

# --- logging in
mark
tick 30
good=$(code anna)
try anna "$password" "$good"
is "$status $(field .role)" "200 owner" "control: password and code let in"
token=$(field .token)
is "${#token}" 43 "the token is 32 bytes"
ok "it is told of" audited '.event_type=="session.start" and .actor=="admin:anna" and .source_ip=="127.0.0.1" and .endpoint=="POST /v1/session"'
api GET /v1/session "$token"
is "$status $(field .name)" "200 anna" "and is worth a session"
ok "control: what the server keeps can be searched" grep -rqF 'argon2id' "$dir"
not_ok "no file of the server has the token" grep -rqF -e "$token" "$dir"
not_ok "nor the password, nor a code's secret" grep -rqF -e "$password" -e "${secret[anna]}" \
	-e "${codes%% *}" "$dir"

# --- what is refused looks the same
wrong() { # DESCRIPTION REASON ACTOR NAME PASSWORD CODE [KEY]
	mark
	try "${@:4}"
	is "$status $body" "$refused" "$1"
	ok "$1: told of" audited ".event_type==\"auth.failure\" and .reason==\"$2\" and .actor==\"$3\""
}
wrong "a code twice" replayed_code admin:anna anna "$password" "$good"
wrong "the code before it" replayed_code admin:anna anna "$password" "$(code anna -1)"
tick 30
from=127.0.0.2
wrong "a wrong password" bad_password admin:anna anna "$password." "$(code anna)"
wrong "a wrong code" bad_code admin:anna anna "$password" "$(printf %06d $((10#$(code anna) ^ 1)))"
wrong "an old code" bad_code admin:anna anna "$password" "$(code anna -3)"
from=127.0.0.3
wrong "a name that nobody has" unknown_name "" "$password" "$password" 000000
wrong "another's code" bad_code admin:anna anna "$password" "$(code bert)"
wrong "no code" bad_code admin:anna anna "$password" 'x'
wrong "a recovery code that is none" bad_code admin:anna anna "$password" 0000-0000-0000-0000 recovery
from=127.0.0.4
api POST /v1/session '' '{"name":"anna","password":"'"$password"'"}'
is "$status" 400 "a password alone is no login"
api POST /v1/session '' '{"name":"anna","password":["a"],"totp":"1"}'
is "$status" 400 "a password that is no text"
api POST /v1/session '' '{"name":"anna","password":"x","totp":"1","role":"owner"}'
is "$status" 400 "a role that somebody gives himself"
mark
try anna "$password" "$(code anna)"
is "$status" 200 "control: the code that was not used still lets in"
from=''

# A code that several use at once lets one in. (Who finds no place for Argon2id gets 503.)
tick 3600
now=$(code anna)
racers=()
for i in {1..6}; do
	mkdir "$tap_dir/race.$i"
	(tap_dir=$tap_dir/race.$i; try anna "$password" "$now"; echo "$status" >"$tap_dir/status") &
	racers+=($!)
done
wait "${racers[@]}"
is "$(cat "$tap_dir"/race.*/status | grep -c 200)" 1 "a code that several use at once lets one in"
ok "and it was refused to another" grep -qx 403 "$tap_dir"/race.*/status
tick 3600

# --- fixation, forgery
login anna
first=$token
tick 30
token_sent=$first
try anna "$password" "$(code anna)"
token_sent=''
second=$(field .token)
isnt() { [ "$1" != "$2" ]; }
ok "a login gives a token of its own" isnt "$first" "$second"
api GET /v1/session "$first"
is "$status" 403 "and ends the one that came with it"
fixed=$(head -c 32 /dev/zero | base64 | tr '+/' '-_' | tr -d =)
tick 30
token_sent=$fixed
try anna "$password" "$(code anna)"
token_sent=''
is "$status" 200 "control: a login that brings a foreign token"
third=$(field .token)
mark
api GET /v1/session "$fixed"
is "$status $body" "$refused" "a token that somebody else chose is worth nothing"
ok "told of" audited '.event_type=="auth.failure" and .reason=="bad_token" and .actor==""'
for forged in "${third%?}" "${third}A" "${third:1}${third:0:1}" "$(tr a-zA-Z A-Za-z <<<"$third")" \
	"'; DROP TABLE sessions; --" "anna" "${third} ${second}" "$(printf 'a%.0s' {1..3000})"; do
	api GET /v1/admins "$forged"
	is "$status $body" "$refused" "forged: '${forged:0:50}'"
	tick 6
done
status=$(curl -sS -o "$tap_dir/answer" -w '%{http_code}' --http2 --cacert "$dir/ca.pem" \
	"$url/v1/session?token=$third" -H "cookie: token=$third" -H "x-forwarded-for: 127.0.0.1")
is "$status" 403 "a token in the query or a cookie is none"
api GET /v1/session "$third"
is "$status" 200 "control: the session itself is well"

# --- step-up
api GET /v1/session "$third"
tick $((300 - $(field .stepUpLeft) + 301))
api DELETE /v1/admins/bert "$third"
is "$status $body" "$refused" "no change with a second factor of more than five minutes"
ok "told of" audited '.event_type=="authz.failure" and .reason=="no_step_up" and .actor=="admin:anna"'
api POST /v1/session/step-up "$third" "$(jq -nc --arg c "$(code bert)" '{totp:$c}')"
is "$status $body" "$refused" "a step-up with another's code"
mark
used=$(code anna)
api POST /v1/session/step-up "$third" "$(jq -nc --arg c "$used" '{totp:$c}')"
is "$status" 200 "a step-up"
stepped=$(field .token)
ok "told of" audited '.event_type=="session.step_up" and .actor=="admin:anna"'
ok "gives another token" isnt "$third" "$stepped"
api GET /v1/session "$third"
is "$status" 403 "and ends the old one"
api POST /v1/session/step-up "$stepped" "$(jq -nc --arg c "$used" '{totp:$c}')"
is "$status $body" "$refused" "its code is used up"
try anna "$password" "$used"
is "$status $body" "$refused" "for a login, too"
api POST /v1/admins/bert/role "$stepped" '{"role":"auditor"}'
is "$status" 204 "and the change is let"

# --- the end
mark
api DELETE /v1/session "$stepped"
is "$status" 204 "a logout"
ok "told of" audited '.event_type=="session.end" and .actor=="admin:anna"'
api GET /v1/session "$stepped"
is "$status" 403 "ends it"
login anna
tick 1500
api GET /v1/session "$token"
is "$status" 200 "control: a session that is used after 25 minutes"
tick 1500
api GET /v1/session "$token"
is "$status" 200 "lasts on"
tick 1801
api GET /v1/session "$token"
is "$status $body" "$refused" "half an hour of idleness ends it"
login anna
for ((i = 0; i < 24; i++)); do
	tick 1790
	api GET /v1/session "$token"
	[ "$status" = 200 ] || break
done
is "$i $status" "24 200" "control: used every half hour it lasts for 11:56"
tick 250
api GET /v1/session "$token"
is "$status" 403 "and no use makes it last beyond 12 hours"

# --- what ends sessions of others
login bert
root POST /v1/admins/bert/role '' '{"role":"viewer"}'
api GET /v1/session "$token"
is "$status" 403 "a new role ends the sessions"
login bert
root DELETE /v1/admins/bert
is "$status" 204 "control: a removal"
api GET /v1/session "$token"
is "$status" 403 "so does removal"
tick 30
try bert "$password" "$(code bert)"
is "$status $body" "$refused" "and who was removed is nobody"

# --- recovery codes
read -ra code_list <<<"$codes"
try anna "$password" "${code_list[3]^^}" recovery
is "$status $(field .recoveryLeft)" "200 9" "a recovery code lets in"
lost=$(field .token)
try anna "$password" "${code_list[3]}" recovery
is "$status $body" "$refused" "once"
api POST /v1/session/secrets "$lost" '{"password":"yet another sentence"}'
is "$status" 200 "new secrets of one's own"
new=$(field .totp | secret_of)
api GET /v1/session "$lost"
is "$status" 403 "end the session"
try anna "$password" "${code_list[4]}" recovery
is "$status $body" "$refused" "and the old password"
try anna "yet another sentence" "${code_list[4]}" recovery
is "$status $body" "$refused" "and the old recovery codes"
tick 60
try anna "yet another sentence" "$(code anna)"
is "$status $body" "$refused" "and the old authenticator"
secret[anna]=$new
try anna "yet another sentence" "$(code anna)"
is "$status" 200 "control: the new ones are good"
root DELETE /v1/admins/anna
is "$status" 409 "the last owner cannot be removed"
root POST /v1/admins/anna/role '' '{"role":"operator"}'
is "$status" 409 "nor become less"
ok "the server ends well" server_end
done_testing
