#!/usr/bin/env bash
# Attacks a silo of its own while good callers are served beside, and prints what they noticed and what memory the silo
# took. Ends with a line "N passed, N failed".
#
#   eng/attacks.sh        a few seconds of each attack, as CI does
#   eng/attacks.sh 60     a minute of each; the good callers' p99 is judged as well, which takes many calls
#   eng/attacks.sh 60 rapid_reset     a minute of one of them: rapid_reset, drips, empty_messages or floods
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SECONDS_EACH=${1:-4}
ATTACK=${2:-}
READY_SECONDS_MAX=60
PYTHON=/usr/bin/python3

folder=$(mktemp -d)
silo=

finish() {
  if [[ -n $silo ]]; then
    kill -TERM "$silo" 2>/dev/null || true
    wait "$silo" || true
  fi
  rm -rf "$folder"
}
trap finish EXIT

free_address() {
  "$PYTHON" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print("127.0.0.1:%d" % s.getsockname()[1])'
}

dotnet build src/AgentBudget.Silo -c Release --verbosity quiet --nologo
http=$(free_address)
grpc=$(free_address)
dotnet artifacts/bin/AgentBudget.Silo/release/AgentBudget.Silo.dll \
  --data "$folder/data" --http "$http" --grpc "$grpc" --catalog tests/interop/catalog.yaml >"$folder/silo.log" 2>&1 &
silo=$!
for ((waited = 0; waited < READY_SECONDS_MAX * 10; waited++)); do
  if curl -fs "http://$http/readyz" >/dev/null; then break; fi
  kill -0 "$silo" 2>/dev/null || { cat "$folder/silo.log" >&2; exit 1; }
  sleep 0.1
done

status=0
"$PYTHON" eng/attacks/attacks.py --http "$http" --grpc "$grpc" --key "$folder/data/admin.key" --pid "$silo" \
  --seconds "$SECONDS_EACH" --only "$ATTACK" || status=$?
lines=$(wc -l <"$folder/silo.log")
echo "lines in the silo's log: $lines"
if [[ $status -ne 0 ]]; then cut -c 1-200 "$folder/silo.log" | tail -n 20; fi
exit "$status"
