#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# The netlink family: each command, good and bad. One namespace, "a", with a
# socket or two; "b" beside it, which must notice nothing.

. "$(dirname "$0")/../lib/tap.sh"
PATH=$PATH:$(cd "$(dirname "$0")/../../build/user/tools" && pwd)

[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
cd "$tap_dir" && chmod 755 . || bail "no directory"
modprobe -r merlon 2>/dev/null
serial=0
umask 022

# nl STEP...: in namespace a
nl() { n a nltool "$@"; }

# says DESCRIPTION EXPECTED STEP...: the last line that nltool prints
says() {
	local what=$1 expected=$2

	shift 2
	is "$(nl "$@" 2>&1 | tail -n 1)" "$expected" "$what"
}

# status NAME [NAMESPACE]: one line of the status
status() { n "${2:-a}" nltool status | sed -n "s/^$1=//p"; }

# fresh FILE [MS]: load it under the next serial of epoch 1
fresh() {
	serial=$((serial + 1))
	nl load "$1" 1 "$serial" "${2:-600000}"
}

module_users() { awk '$1 == "merlon" { print $3 }' /proc/modules; }

ns_add a b
must nltool image a.img , image b.img from=1 , image s.img small , \
	image r1.img rules=3000 , image r2.img rules=3000 from=1500

# --- who may ----------------------------------------------------------------

# Somebody who joined all groups before the module is there: FIFO in, file out.
mkfifo hold
setpriv --reuid=65534 --regid=65534 --clear-groups \
	"$(command -v nltool)" join-all , hold , listen 500 <hold >early 2>&1 &
exec 9>hold
must wait_for 60 grep -q holding early

must nltool status
is "$(module_users)" 0 "asking for the family loads the module"
# Where the project lies, nobody may not go.
must install -m 755 "$(command -v nltool)" nltool
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
for step in status "send ARM SCOPE=1 MODE=2" "send CONFIRM" "send DISARM WHY=x" \
	"begin a.img 1 1 1000" "send LOAD_CHUNK OFFSET=0 DATA=00" commit abort \
	"renew a.img 1 1 1000" rules "explain 10.0.0.1 10.0.0.2 6 80"; do
	# shellcheck disable=SC2086
	like "$("${nobody[@]}" ./nltool $step | tail -n 1)" ': EPERM' \
		"nobody: ${step%% *} is refused"
done
like "$("${nobody[@]}" ./nltool join)" 'EPERM' "nobody: events are refused"
sysctl -qw kernel.unprivileged_userns_clone=1 2>/dev/null
for step in status "send ARM SCOPE=1 MODE=2" rules "begin a.img 1 1 1000"; do
	# shellcheck disable=SC2086
	like "$("${nobody[@]}" unshare -Urn ./nltool $step | tail -n 1)" ': EPERM' \
		"root of a user namespace of nobody's: ${step%% *} is refused"
done

# --- loading ----------------------------------------------------------------

says "a load" "load: ok" load a.img 1 1 600000
is "$(status STATE)" disarmed "loading arms nothing"
is "$(status RULES)" 3 "status tells what is loaded"
is "$(status DIGEST)" "$(sha256sum <a.img | cut -d' ' -f1)" "its digest"
is "$(status IMAGE_BYTES)" "$(stat -c %s a.img)" "its length"
is "$(status EPOCH),$(status SERIAL)" 1,1 "its place in the order"
is "$(status MAX_LIFETIME_MS)" 7776000000 "and the longest lifetime"
is "$(status RULES b)" "" "another namespace notices nothing"
is "$(n b nltool load a.img 1 1 60000)" "load: ok" "and has an order of its own"
serial=1

old="ESTALE epoch and serial are not above the last that were taken"
says "the same serial is refused" "begin: $old" begin b.img 1 1 1000
says "a lower epoch with a higher serial is refused" "begin: $old" begin b.img 0 9 1000
says "a higher epoch with a lower serial is not" "load: ok" load b.img 2 0 600000
says "but then the epoch before is" "begin: $old" begin b.img 1 99 1000
says "a renewal with an old serial is refused" "renew: $old" renew b.img 2 0 1000
says "a load that another overtook is refused at COMMIT" "commit: $old" \
	begin a.img 3 1 1000 , chunks a.img , @1 renew b.img 3 1 600000 , commit
is "$(status DIGEST)" "$(sha256sum <b.img | cut -d' ' -f1)" "what was in force stays"

says "BUSY for a second socket" \
	"begin: EBUSY another load runs in this network namespace" \
	begin a.img 3 2 1000 , @1 begin a.img 3 2 1000
says "BUSY for the same socket" \
	"begin: EBUSY another load runs in this network namespace" \
	begin a.img 3 2 1000 , begin a.img 3 2 1000
none="ESRCH this socket has no load: begin one"
says "a socket's end ends its load" "begin: ok" begin a.img 3 2 1000 , close , \
	@1 begin a.img 3 2 1000
says "another socket cannot go on with it" "chunk: $none" begin a.img 3 2 1000 , \
	@1 chunk a.img 0 8
says "nor commit it" "commit: $none" begin a.img 3 2 1000 , @1 commit
says "nor abort it" "abort: $none" begin a.img 3 2 1000 , @1 abort
says "ABORT ends it" "begin: ok" begin a.img 3 2 1000 , abort , @1 begin a.img 3 2 1000
says "no chunk without a load" "chunk: $none" chunk a.img 0 8
says "a chunk at another offset" \
	"chunk: EINVAL offset is not the end of what came before" \
	begin a.img 3 2 1000 , chunk a.img 8 8
says "a chunk twice" "chunk: EINVAL offset is not the end of what came before" \
	begin a.img 3 2 1000 , chunk a.img 0 8 , chunk a.img 0 8
says "a chunk that overlaps" "chunk: EINVAL offset is not the end of what came before" \
	begin a.img 3 2 1000 , chunk a.img 0 8 , chunk a.img 4 8
says "more than was announced" "chunk: EINVAL more bytes than were announced" \
	begin a.img 3 2 1000 , chunk a.img 0 "$(($(stat -c %s a.img) + 1))"
says "a chunk too long" "send: EINVAL a chunk is 1 byte to 32 KiB" \
	begin r1.img 3 2 1000 , send LOAD_CHUNK OFFSET=0 DATA:zero=32769
says "an empty chunk" "send: EINVAL a chunk is 1 byte to 32 KiB" \
	begin a.img 3 2 1000 , send LOAD_CHUNK OFFSET=0 DATA=
says "after a chunk that was refused, the right one" "commit: ok" \
	begin a.img 3 2 600000 , chunk a.img 8 8 , chunks a.img , commit
says "COMMIT ends the load" "commit: $none" begin a.img 3 3 600000 , chunks a.img , \
	commit , commit
says "also when it fails" "commit: $none" begin a.img 3 4 600000 , commit , commit
says "bytes are missing" "commit: EBADMSG bytes are missing at the end of the image" \
	begin a.img 3 4 600000 , chunk a.img 0 100 , commit
says "another digest" \
	"commit: EBADMSG the image does not have the announced digest" \
	begin a.img 3 4 600000 bad , chunks a.img , commit
says "too large" "begin: E2BIG an image is 128 MiB at the most" \
	begin a.img 3 4 600000 bytes=134217729
says "too small" "begin: EINVAL an image is at least as long as its header" \
	begin a.img 3 4 600000 bytes=75
says "no lifetime" "begin: ERANGE the lifetime is 1 millisecond to 90 days" \
	begin a.img 3 4 0
says "too long a lifetime" "begin: ERANGE the lifetime is 1 millisecond to 90 days" \
	begin a.img 3 4 7776000001
is "$(status SERIAL)" 3 "none of it changed what is loaded"
says "forgotten, another may not have its place" "load: $old" disarm , load r1.img 3 3 600000
says "nor an older one" "load: $old" disarm , load a.img 3 2 600000
says "the last one itself may come back" "load: ok" disarm , load a.img 3 3 600000
says "but not while it is there" "load: $old" load a.img 3 3 600000

# --- messages ---------------------------------------------------------------

says "an attribute that no command knows" "send: EINVAL Unknown attribute type" \
	send GET_STATUS 77=1
says "an attribute of another command" "send: EINVAL Unknown attribute type" \
	send ARM SCOPE=1 MODE=2 SERIAL=1
says "the same in a dump" "send: EINVAL Unknown attribute type" \
	send GET_RULES dump RULE_ID=1
says "a number of another width" "send: EINVAL invalid attribute length" \
	send ARM SCOPE:u8=1 MODE=2
says "a scope that does not exist" "send: ERANGE integer out of range" \
	send ARM SCOPE=3 MODE=2
says "a mode that does not exist" "send: ERANGE integer out of range" \
	send ARM SCOPE=1 MODE=0
says "too long to confirm" "send: ERANGE integer out of range" \
	send ARM SCOPE=1 MODE=2 CONFIRM_S=86401
says "DISARM without a reason" \
	"send: EINVAL WHY is empty: disarming wants a reason, for the log" \
	send DISARM WHY:str=
says "ARM without MODE" "send: EINVAL MODE is missing [MODE]" send ARM SCOPE=1
says "ARM without SCOPE" "send: EINVAL SCOPE is missing [SCOPE]" send ARM MODE=1
says "DISARM without WHY" \
	"send: EINVAL WHY is missing: disarming wants a reason, for the log [WHY]" \
	send DISARM
says "WHY without its NUL" "send: EINVAL Attribute failed policy validation" \
	send DISARM WHY:hex=6161
says "WHY too long" "send: EINVAL Attribute failed policy validation" \
	send DISARM "WHY=$(printf 'x%.0s' {1..256})"
begin=(EPOCH=9 SERIAL=1 LIFETIME_MS=1 IMAGE_BYTES=100
	DIGEST="$(sha256sum <a.img | cut -d" " -f1)")
for i in "${!begin[@]}"; do
	missing=${begin[i]%%=*}
	says "LOAD_BEGIN without $missing" \
		"send: EINVAL $missing is missing [$missing]" \
		send LOAD_BEGIN "${begin[@]:0:i}" "${begin[@]:i+1}"
done
says "a digest too short" "send: ERANGE binary attribute size out of range" \
	send RENEW DIGEST=00
says "EXPLAIN of no family" "send: EINVAL the family is IPv4 (2) or IPv6 (10)" \
	send EXPLAIN FAMILY=3 SOURCE=01020304 DESTINATION=01020304 PROTOCOL=1 SELECTOR=1
says "EXPLAIN of an ICMP type that none has" \
	"send: ERANGE the protocol has no such selector" \
	send EXPLAIN FAMILY=2 SOURCE=01020304 DESTINATION=01020304 PROTOCOL=1 SELECTOR=264
says "EXPLAIN with an address of the other family" \
	"send: EINVAL an address does not have its family's length" \
	send EXPLAIN FAMILY=10 SOURCE=01020304 DESTINATION=01020304 PROTOCOL=1 SELECTOR=1
says "a command that does not exist" "send: EOPNOTSUPP " send 99
says "a notification as a command" "send: EOPNOTSUPP " send DROP_EVENT
says "no generic netlink header" "raw: EINVAL " raw 01
says "its reserved bytes are not zero" \
	"raw: EINVAL genlmsghdr.reserved field is not 0" raw 01010100
is "$(status STATE)" disarmed "none of it armed anything"

# --- bad images -------------------------------------------------------------

like "$(nl flips a.img 4)" ' 0 wrong' \
	"each bit of an image, turned: refused by name, or another image"
like "$(nl truncations s.img 5)" ' 0 other images, 0 wrong' "each length of an image"
is "$(nl load a.img 6 1 600000)" "load: ok" "and a good one loads as ever"

# --- questions --------------------------------------------------------------

nl rules >rules
is "$(grep -c RULE_ID rules)" 3 "GET_RULES tells each rule"
is "$(cut -d' ' -f1 rules | grep -o '[0-9]*' | sort -nc 2>&1)" "" "in ascending order"
must nl disarm
is "$(nl rules)" "rules: ok" "no rules without a generation"
says "EXPLAIN without a generation" "explain: ENOENT there is no generation to ask: load one" \
	explain 10.0.0.1 10.0.0.2 6 1000
says "RENEW without a generation" \
	"renew: ENOENT there is no generation to renew: load one" renew a.img 6 2 1000
says "disarming forgets no serial" "begin: $old" begin s.img 6 1 1000
must nl load a.img 6 2 600000
says "RENEW of another image" \
	"renew: ENOENT the generation in force has another digest: load this one" \
	renew b.img 6 3 1000
like "$(nl explain 10.0.0.1 10.0.0.2 6 1000)" 'ACTION=1 REASON=rule RULE_ID=4294970044 ' \
	"EXPLAIN: allowed by a rule"
like "$(nl explain fd00::1 fd00::2 17 1002)" 'ACTION=2 REASON=rule RULE_ID=12884904636 ' \
	"denied by a rule, IPv6"
like "$(nl explain 10.0.0.1 10.0.0.2 6 999)" 'ACTION=2 REASON=no-rule SOURCE' \
	"denied because no rule speaks of it"
must nl image j.img reject , load j.img 6 3 600000
like "$(nl explain 10.0.0.1 10.0.0.2 6 999)" 'ACTION=3 REASON=no-rule SOURCE' "or rejected"
like "$(nl interrupted r1.img r2.img 7 | tail -n 1)" 'interrupted: ok interrupted' \
	"a load in the midst of GET_RULES marks it"
like "$(nl interrupted r1.img r2.img 8)" 'rules, ascending' "and nothing comes twice"

# --- events -----------------------------------------------------------------

nl join , listen 60000 6 >events &
listener=$!
sub() { n a nltool status >/dev/null && grep -q 'join: ok' events; }
must wait_for 60 sub
must nl load a.img 9 1 600000
must nl arm observing
must nl arm enforcing 100
must nl confirm
must nl renew a.img 9 2 300
must wait_for 60 grep -q 'STATE=expired' events
wait $listener
is "$(sed -n 's/^STATE_EVENT STATE=\([a-z]*\) .*/\1/p' events | xargs)" \
	"disarmed observing enforcing enforcing enforcing expired" "STATE_EVENTs, in order"
like "$(nl status)" 'STATE=expired' "the lifetime is over"
like "$(nl explain 10.0.0.1 10.0.0.2 6 1000)" 'ACTION=2 REASON=expired' "EXPLAIN says so"
says "a renewal after the end" "renew: ok" renew a.img 9 3 600000
is "$(status STATE)" enforcing "brings it back"
must nl renew a.img 9 4 1
must nl await expired 60000
says "and so does a load" "await: ok" load a.img 9 5 600000 , await enforcing 100
must nl disarm

# What had joined early must have heard nothing of the initial namespace.
must nltool load a.img 1 1 60000
must nltool disarm
exec 9>&-
wait_for 60 grep -q listen early
is "$(grep -c EVENT early)" 0 "nobody, who joined before the module came, heard nothing"

# --- at once ----------------------------------------------------------------

is "$(nl race a.img 10 5000)" "race: ok" "eight processes at once"
nl disarm >/dev/null
is "$(status STATE)" disarmed "end where one says"
is "$(module_users)" 0 "and nothing holds the module"
is "$(n b nltool status | sed -n 's/^SERIAL=//p')" 1 "the other namespace noticed nothing"
ok "the module goes" rmmod merlon

done_testing
