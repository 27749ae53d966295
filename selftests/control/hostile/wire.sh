#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# merlon-control as strangers see it on the wire: versions and suites of TLS, and HTTP/2 by
# clients without manners (frames.c). Judges are openssl, sslscan and curl.
#
#	s_client, sslscan, frames (127.4.0.x) ---- TLS ---- merlon-control

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=../real.bash
. selftests/control/real.bash
control_setup
server_start 0
policy_publish 1

# --- TLS ----------------------------------------------------------------------------
shake() { timeout 20 openssl s_client -connect "127.0.0.1:${port[0]}" "$@" </dev/null 2>&1 | tr -d '\0'; }
good=$(shake -tls1_3 -alpn h2)
like "$good" 'New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384' "control: TLS 1.3, AES-256"
like "$good" 'ALPN protocol: h2' "and HTTP/2"
like "$(shake -tls1_3 -alpn h2 -ciphersuites TLS_CHACHA20_POLY1305_SHA256)" 'Cipher is TLS_CHACHA20' "or ChaCha20"
for version in tls1_2 tls1_1 tls1; do
	like "$(shake "-$version" -alpn h2 -cipher 'ALL:@SECLEVEL=0')" 'Cipher is \(NONE\)' "$version is refused"
done
like "$(shake -tls1_3 -alpn h2 -ciphersuites TLS_AES_128_GCM_SHA256)" 'Cipher is \(NONE\)' "AES-128 is refused"
like "$(shake -tls1_3 -alpn h2 -groups ffdhe2048)" 'Cipher is \(NONE\)' "finite fields are refused"
like "$(shake -tls1_3 -alpn http/1.1)" 'no application protocol' "HTTP/1.1 is refused"
not_ok "curl with HTTP/1.1 is" curl -sk --http1.1 "https://127.0.0.1:${port[0]}/v1/health"
not_ok "no ticket is given" grep -q 'TLS session ticket:' <<<"$(shake -tls1_3 -alpn h2 -ign_eof -msg)"
scan_is_good "${port[0]}"

# --- HTTP/2 ---------------------------------------------------------------------------
HOSTILE_PORT=${port[0]} "$build/server/frames" >frames.out 2>&1
is "$?" 0 "clients without manners harm nobody"
diag "$(grep -cE '^\s*ok' frames.out) tests"
[ "$(grep -cE '^\s*not ok' frames.out)" = 0 ] || diag "$(cat frames.out)"
ok "all were run" test "$(grep -cE '^\s*ok' frames.out)" -ge 28
peak=$(sed -n 's/^VmHWM:\s*\([0-9]*\) kB/\1/p' "/proc/${server[0]}/status")
ok "the server had $((peak / 1024)) MiB at most" test "$peak" -lt 262144
ok "it is well" is_well
ok "and ends well" server_kill 0 TERM
events '[.event_type, .reason, .source_ip] | join(" ")' >told
ok "what was refused is told of, with its address" grep -qE 'malformed 127\.4\.0\.1' told
ok "handshakes too" grep -qE ' tls 127\.0\.0\.1' told
ok "and the audit log verifies" audit_is_well
done_testing
