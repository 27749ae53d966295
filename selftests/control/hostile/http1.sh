#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# Clients that speak HTTP/1.1 alone: requests with two meanings, of which a server behind
# nghttpx might see two. Judges are what comes back, and the server's audit log.
#
#	s_client, curl, sslscan ---- TLS, HTTP/1.1 ---- nghttpx ---- TLS, HTTP/2 ---- merlon-control

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
tree=$PWD
# shellcheck source=../real.bash
. selftests/control/real.bash
# shellcheck source=http1.bash
. "$tree/selftests/control/hostile/http1.bash"
http1_setup
http1_start

# --- what is legal ------------------------------------------------------------------
is "$(http1_api /v1/health) $(jq -r .status body)" "200 degraded" "control: a request by HTTP/1.1 is answered"
is "$(http1_api /v1/roots?after=0) $(jq '.roots | length' body)" "200 1" "with what the server says"
is "$(http1_api /v1/challenge -H 'transfer-encoding: chunked' -H 'content-type: application/json' -d '{}')" 200 \
	"a body in chunks, too"

# --- what has two meanings ------------------------------------------------------------
# Whom the server turns away it tells of, by his user agent: that is how a request that got
# through is known. Each is two requests: the first has two ends, by one of which
# the second is no more than its body.
body='{"node":"n1"}' number=0
request() { # AGENT FIELDS BODY: both as printf has them
	printf 'POST /v1/revoke HTTP/1.1\r\nHost: localhost\r\nUser-Agent: %s\r\n' "$1"
	printf '%b\r\n%b' "$2" "$3"
}
second() { request "second-$1" "Connection: close\r\nContent-Length: ${#body}\r\n" "$body"; }
say() { timeout 8 openssl s_client -connect "127.0.0.1:$http1_port" -quiet -alpn http/1.1 2>/dev/null; }
both() { request "first-$number" "$1" "$2"; second "$number"; }
answers() { grep -aoE 'HTTP/1.1 [0-9]{3}' | cut -d' ' -f2 | xargs; }
refused() { # WHAT FIELDS BODY
	number=$((number + 1))
	is "$(both "$2" "$3" | say | answers)" 400 "$1"
}
whole() {
	number=$((number + 1))
	is "$(both "$1" "$2" | say | answers)" "403 403" "$3"
}
chunks="d\r\n$body\r\n0\r\n\r\n"
length="Content-Length: ${#body}\r\n"
longer="Content-Length: $(($(second 1 | wc -c) + ${#body}))\r\n"
chunked='Transfer-Encoding: chunked\r\n'
whole "$length" "$body" "control: two requests with one meaning each are two"
whole "$chunked" "$chunks" "control: the first of them in chunks"
refused "two lengths" "$length$longer" "$body"
refused "one length, twice" "$length$length" "$body"
refused "lengths in a list" "Content-Length: ${#body}, ${#body}\r\n" "$body"
refused "a length with a sign" "Content-Length: +${#body}\r\n" "$body"
refused "a length in hexadecimal" "Content-Length: 0xd\r\n" "$body"
refused "a length beyond 2^64" "Content-Length: 18446744073709551629\r\n" "$body"
refused "a length, and chunks" "$length$chunked" "$chunks"
refused "chunks, and a length" "$chunked$longer" "$chunks"
refused "chunks by a name with a space" "${length}Transfer-Encoding : chunked\r\n" "$chunks"
refused "chunks in a folded line" "${length}Transfer-Encoding:\r\n chunked\r\n" "$chunks"
refused "chunks, and then something else" "${chunked}Transfer-Encoding: identity\r\n" "$chunks"
refused "chunks twice" "$chunked$chunked" "$chunks"
refused "a coding that is none" "Transfer-Encoding: xchunked\r\n" "$chunks"
refused "a chunk beyond 2^64" "$chunked" "1000000000000000d\r\n$body\r\n0\r\n\r\n"
refused "a chunk with a sign" "$chunked" "+d\r\n$body\r\n0\r\n\r\n"
refused "a chunk in hexadecimal" "$chunked" "0xd\r\n$body\r\n0\r\n\r\n"
refused "a chunk that is longer than it says" "$chunked" "c\r\n$body\r\n0\r\n\r\n"
refused "a NUL in a name" "Content-Length\\\\0000: 5\r\n$length" "$body"
refused "a line that ends with CR alone" "X: y\rContent-Length: 0\r\n$length" "$body"
refused "a line without a colon" "Content-Length 13\r\n$length" "$body"
whole "$length" "$body" "control: and then still two"


# --- TLS ------------------------------------------------------------------------------------
shake() { timeout 20 openssl s_client -connect "127.0.0.1:$1" "${@:2}" </dev/null 2>&1 | tr -d '\0'; }
like "$(shake "$http1_port" -alpn h2,http/1.1)" 'ALPN protocol: http/1.1' "HTTP/1.1 is all that it speaks"
asks() { shake "$1" -alpn h2,http/1.1 -msg | grep -c '<<<.*CertificateRequest'; }
is "$(asks "${port[0]}") $(asks "$http1_port")" "1 0" "it asks for no certificate, as the server does"
scan_is_good "$http1_port"

# --- the server behind it -------------------------------------------------------------------
# What vouches for the server is its own authority, by the name in its URL, and nothing else.
http1_stop
cp credentials/certificate credentials/authority
http1_start
is "$(http1_api /v1/health)" 502 "a server under another authority is asked nothing"
http1_stop
cp state/authority.pem other.pem
chmod 644 other.pem
http1_environment=(SSL_CERT_FILE="$dir/other.pem")
http1_start
http1_environment=()
is "$(sed -n 's/^Environment=//p' "$unit")" "SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/dev/null" "so the unit takes them from it"
is "$(http1_api /v1/health)" 200 "control: (the system's authorities would do for nghttpx itself)"
http1_stop
cp state/authority.pem credentials/authority
sed -i 's/sni=localhost/sni=elsewhere.example/' http1.conf
http1_start
is "$(http1_api /v1/health)" 502 "nor one with another name"
http1_stop
is "$(systemd-analyze verify --man=no "$unit" 2>&1)" "" "systemd understands the unit"

# --- what the server saw ---------------------------------------------------------------------
ok "the server ends well" server_kill 0 TERM
is "$(events .user_agent | grep -E '^(first|second)' | sort -V | xargs)" \
	"first-1 first-2 first-$number second-1 second-2" "what was legal got through, and is in the audit log"
is "$(events '"\(.event_type) \(.details.count // 1)"' | awk '/^auth.failures? / { sum += $2 } END { print sum }')" 6 \
	"so many requests got through, and not one more"
ok "which verifies" audit_is_well
done_testing
