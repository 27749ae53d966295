#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who guesses: what it costs him, what it costs others, and what is written of it.

# shellcheck source=people.bash
. "$(dirname "$0")/people.bash"

server_start
admin anna owner
codes=$recovery
admin bert viewer
forged=$(printf 'a%.0s' {1..43})

# flood ADDRESS NUMBER: forged tokens, in one process
flood() {
	curl -sS -o /dev/null -w '%{http_code}\n' --http2 --cacert "$dir/ca.pem" --interface "$1" \
		-H "authorization: Bearer $forged" -H 'x-forwarded-for: 192.0.2.7' \
		"$url/v1/session?n=[1-$2]" 2>>"$tap_dir/curl" | sort | uniq -c | xargs
}

# --- an address
tick 60
mark
is "$(flood 127.0.4.1 20)" "20 403" "twenty failures at once"
from=127.0.4.1
try anna "$password" "$(code anna)"
is "$status" 200 "are not too many"
is "$(flood 127.0.4.1 5)" "5 403" "five more"
tick 30
flood 127.0.4.1 10 >/dev/null
now=$(code anna)
api POST /v1/session '' "$(jq -nc --arg p "$password" --arg c "$now" '{name:"anna",password:$p,totp:$c}')"
is "$status $(field .error)" "429 too-many" "are: not even the right password is looked at"
like "$(field .sentence)" 'wait [0-9]+ seconds' "and it says how long"
retry=$(curl -sS -D - -o /dev/null --http2 --cacert "$dir/ca.pem" --interface 127.0.4.1 \
	-d '{"name":"a","password":"b","totp":"c"}' "$url/v1/session" | tr -d '\r' | sed -n 's/^retry-after: //p')
ok "also to programs (retry-after: $retry)" test "$retry" -ge 1 -a "$retry" -le 60
api POST /v1/session "$forged" '{}'
is "$status" 429 "a token of his own making admits nobody to it"
from=127.0.4.2
try anna "$password" "$now"
is "$status" 200 "the same from another address lets in"
token=$(field .token)
from=127.0.4.1
api GET /v1/session "$token"
is "$status" 200 "and whoever has a session may share the address of one who fails"
tick "$retry"
try bert "$password" "$(code bert)"
is "$status" 200 "when the time is over it is heard again"
from=''

# --- what is written of it
tick 61
wait_for 10 audited '.event_type=="auth.failures" and .reason=="bad_token"'
is "$(audited_times '.event_type=="auth.failure" and .reason=="bad_token" and .source_ip=="127.0.4.1"')" 5 \
	"of 35 failures five are told of one by one"
entries
is "$(jq -s 'map(select(.event_type=="auth.failures" and .reason=="bad_token") | .details.count) | add' "$tap_dir/entries")" 30 \
	"and the others are counted, in one event"
ok "what was not looked at is told of, too" audited '.reason=="rate"'
not_ok "nobody believes x-forwarded-for" audited '.source_ip=="192.0.2.7"'
ok "the journal has an alert" grep -q '<4>alert: 5 failures within a minute' "$dir/journal"

# --- a name: somebody without the password would like to lock its owner out
tick 3600
mark
for i in {1..11}; do
	from=127.0.5.$i
	try anna "not her password" 000000
	[ "$status" = 403 ] || break
done
is "$i $status" "11 403" "eleven wrong passwords from eleven addresses"
tick 1
try anna "not her password" 000000
is "$status" 429 "one of them may not try her name again"
try bert "not his password" 000000
is "$status" 403 "but another"
from=127.0.6.1
try anna "$password" "$(code anna)"
is "$status" 200 "she gets in from an address that never failed"
for i in {1..15}; do
	from=127.0.7.$i
	try anna "not her password" 000000
	case $status in 403 | 503) ;; *) break ;; esac
done
is "$i" 15 "fifteen more, from fifteen more"
from=127.0.6.2
tick 30
try anna "$password" "$(code anna)"
is "$status" 200 "and she still gets in"
from=''

# --- codes: somebody with the password, and many addresses
tick 3600
now=$(code anna)
wrong=$(printf %06d $((10#$now ^ 1)))
for i in {1..11}; do
	from=127.0.8.$i
	try anna "$password" "$wrong"
	[ "$status" = 403 ] || break
done
is "$i $status" "11 403" "eleven wrong codes behind the right password"
from=127.0.9.1
try anna "$password" "$now"
is "$status" 429 "no more codes are looked at, wherever from"
read -ra list <<<"$codes"
try anna "$password" "${list[0]}" recovery
is "$status" 200 "a recovery code is"
from=''
root POST /v1/session '' "$(jq -nc --arg p "$password" --arg c "$(code anna)" '{name:"anna",password:$p,totp:$c}')"
is "$status" 200 "and so is a code by the local socket"

# --- the local socket is exempt from limits, not from the log
mark
for _ in {1..6}; do
	root POST /v1/session '' '{"name":"bert","password":"not his password","totp":"000000"}'
done
is "$status" 403 "control: a wrong password by the local socket"
for _ in {1..6}; do
	root POST /v1/session '' '{"name":"bert","password":"not his password","totp":"000000"}'
done
is "$status" 403 "twelve failures block nothing there"
root POST /v1/session '' "$(jq -nc --arg p "$password" --arg c "$(code bert 1)" '{name:"bert",password:$p,totp:$c}')"
is "$status" 200 "control: the right one"
ok "and are told of" audited '.event_type=="auth.failure" and .reason=="bad_password" and .source_ip==""'
ok "the server ends well" server_end
done_testing
