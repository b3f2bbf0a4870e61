#!/usr/bin/env bash
# Attacks a server of its own while good callers are served beside, and prints what they noticed and what memory the
# server took. Ends with a line "N passed, N failed".
#
#   eng/attacks.sh                    a few seconds of each attack on a silo, as CI does
#   eng/attacks.sh 60                 a minute of each; the good callers' p99 is judged as well: below twice its baseline
#   eng/attacks.sh 60 rapid_reset     a minute of one of them: rapid_reset, drips, empty_messages or floods
#   eng/attacks.sh 5 cases            five seconds of each of the hostile cases of the edge, judged as well
#   eng/attacks.sh 5 cases gzip       those whose names have "gzip" in them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SECONDS_EACH=${1:-2.5}
ATTACK=${2:-}
CASES=${3:-}
CASES_PER_SECOND=100 # Each case on a connection of its own.
READY_SECONDS_MAX=60
PYTHON=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1
EDGE_TESTS=artifacts/bin/AgentBudget.Edge.Tests/release/AgentBudget.Edge.Tests.dll

folder=$(mktemp -d)
server=

finish() {
  exec 3>&-
  if [[ -n $server ]]; then
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" || true
  fi
  rm -rf "$folder"
}
trap finish EXIT

free_address() {
  "$PYTHON" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print("127.0.0.1:%d" % s.getsockname()[1])'
}

# Waits until a command succeeds, for as long as the server lives.
until_ready() {
  local waited
  for ((waited = 0; waited < READY_SECONDS_MAX * 10; waited++)); do
    if "$@" >/dev/null; then return 0; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$folder/server.log" >&2
  exit 1
}

status=0
if [[ $ATTACK == cases ]]; then
  dotnet build tests/AgentBudget.Edge.Tests -c Release --verbosity quiet --nologo
  mkfifo "$folder/stop"
  dotnet "$EDGE_TESTS" hostile-server <"$folder/stop" >"$folder/server.log" 2>&1 &
  server=$!
  exec 3>"$folder/stop" # The server ends when this closes.
  until_ready test -s "$folder/server.log"
  read -r http grpc <"$folder/server.log"
  "$PYTHON" eng/attacks/attacks.py --http "$http" --grpc "$grpc" --pid "$server" --seconds "$SECONDS_EACH" \
    --attacker "dotnet $EDGE_TESTS hostile-attacker $http $grpc $CASES_PER_SECOND" --only "$CASES" || status=$?
else
  dotnet build src/AgentBudget.Silo -c Release --verbosity quiet --nologo
  http=$(free_address)
  grpc=$(free_address)
  dotnet artifacts/bin/AgentBudget.Silo/release/AgentBudget.Silo.dll \
    --data "$folder/data" --http "$http" --grpc "$grpc" --catalog tests/interop/catalog.yaml \
    >"$folder/server.log" 2>&1 &
  server=$!
  until_ready curl -fs "http://$http/readyz"
  "$PYTHON" eng/attacks/attacks.py --http "$http" --grpc "$grpc" --pid "$server" --seconds "$SECONDS_EACH" \
    --key "$folder/data/admin.key" --only "$ATTACK" || status=$?
fi

echo "lines in the server's log: $(wc -l <"$folder/server.log")"
if [[ $status -ne 0 ]]; then cut -c 1-200 "$folder/server.log" | tail -n 20; fi
exit "$status"
