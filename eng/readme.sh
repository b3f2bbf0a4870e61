#!/usr/bin/env bash
# Runs the README's commands as they are printed: starts the silo, then the curl and the gRPC example against it.
# Only ports and the data folder are others than the defaults, so that a silo of the developer's own stays undisturbed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

READY_SECONDS_MAX=60

passed=0
failed=0
work=$(mktemp -d)
silo_pid=

stop_silo() {
  if [[ -n $silo_pid ]]; then
    kill -TERM "-$silo_pid" 2>/dev/null || true
    wait "$silo_pid" 2>/dev/null || true
    silo_pid=
  fi
}

finish() {
  stop_silo
  if [[ $failed -gt 0 ]]; then tail -n 50 "$work/silo.log" || true; fi
  rm -rf "$work"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [[ $failed -eq 0 && $passed -gt 0 ]]
}
trap finish EXIT

# The first bash block below a heading.
block() {
  awk -v heading="## $1" '
    $0 == heading { inside = 1; next }
    inside && /^## / { exit }
    inside && /^```bash$/ { printing = 1; next }
    printing && /^```$/ { exit }
    printing { print }' README.md
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

as_printed() {
  block "$1" | sed -e "s/7070/$http_port/g" -e "s/7071/$grpc_port/g" -e "s/7072/$gateway_port/g" \
    -e "s#data/\([a-z]*\).key#$work/data/\1.key#g"
}

# Passes when the output has every one of the expected words.
expect() {
  local name=$1 output=$2 word missing=
  shift 2
  for word in "$@"; do
    grep -qF -- "$word" "$output" || missing+=" $word"
  done
  if [[ -z $missing ]]; then
    passed=$((passed + 1))
    echo "ok $name"
  else
    failed=$((failed + 1))
    echo "FAILED $name: the output lacks$missing"
    cat "$output"
  fi
}

http_port=$(free_port)
grpc_port=$(free_port)
gateway_port=$(free_port)

set -m # The silo gets a process group of its own, so that stopping it stops what dotnet run started.
AGENTBUDGET_HTTP=127.0.0.1:$http_port AGENTBUDGET_GRPC=127.0.0.1:$grpc_port AGENTBUDGET_DATA=$work/data \
  bash -c "$(as_printed Run)" >"$work/silo.log" 2>&1 &
silo_pid=$!
set +m

for ((second = 0; ; second++)); do
  if curl --silent --fail --output /dev/null "http://127.0.0.1:$http_port/readyz"; then break; fi
  if [[ $second -ge $READY_SECONDS_MAX ]] || ! kill -0 "$silo_pid" 2>/dev/null; then
    echo "FAILED run: /readyz does not answer"
    failed=1
    exit 1
  fi
  sleep 1
done
# The link that the README says to open signs in: once. It is printed a moment after the silo is ready.
link=
for ((second = 0; second < READY_SECONDS_MAX && ${#link} == 0; second++)); do
  link=$(sed -n 's#^  sign in *\(http[^ ]*\) .*#\1#p' "$work/silo.log")
  [[ -n $link ]] || sleep 1
done
for try in first second; do
  curl --silent --output /dev/null --write-out "$try: %{http_code} %{redirect_url}\n" "$link"
done >"$work/link.out"
expect "run" "$work/link.out" "first: 302 http://127.0.0.1:$http_port/dashboard/" "second: 200"

# One shell, as a reader has it: the second block uses what the first defines.
bash -uc "$(as_printed 'Reserve, commit and look, with curl')
echo '-- credential'
$(as_printed 'A credential for each caller')
echo '-- gateway'
$(as_printed 'A model call through the gateway')" >"$work/all.out" 2>&1 || echo "exit code $?" >>"$work/all.out"
sed '/^-- credential$/,$d' "$work/all.out" >"$work/curl.out"
sed -e '1,/^-- credential$/d' -e '/^-- gateway$/,$d' "$work/all.out" >"$work/credential.out"
sed '1,/^-- gateway$/d' "$work/all.out" >"$work/gateway.out"
expect "curl" "$work/curl.out" DECISION_ALLOW reservationId sessions/ agents/promo-writer useCases/trade-promo \
  businessUnits/marketing tenants/acme settled STATE_ENDED
expect "credential" "$work/credential.out" sessionToken STATE_OPEN agents/promo-writer credentials/ revokeTime

expect "gateway" "$work/gateway.out" '200 OK' x-agentbudget-reservation x-agentbudget-left x-agentbudget-session \
  '"object":"chat.completion"' '"usage"'

bash -uc "$(as_printed 'Watch it')" >"$work/metrics.out" 2>&1 || echo "exit code $?" >>"$work/metrics.out"
expect "metrics" "$work/metrics.out" 'agentbudget_decisions_total{decision="allow",reason=""}' agentbudget_append_seconds_count

bash -uc "$(as_printed 'The same over gRPC')" >"$work/grpc.out" 2>&1 || echo "exit code $?" >>"$work/grpc.out"
expect "gRPC" "$work/grpc.out" '"grain": "useCases/trade-promo"' limit settled
