#!/usr/bin/env bash
# Claude Code, Codex, Gemini CLI and Copilot CLI, unchanged, before the gateway of a silo of its own, with the demo model
# behind it and no other network: each does one task, and each is stopped by the cap of its session with what the budget
# says. Not a part of ./test, because they weigh 1.1 GB. Ends with a line "N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

READY_SECONDS_MAX=60
CONFIGURATION=${CONFIGURATION:-Release}

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
  node -e 'const s = require("net").createServer(); s.listen(0, "127.0.0.1", () => {
    console.log("127.0.0.1:" + s.address().port); s.close(); })'
}

if ! cmp -s eng/clis/package-lock.json eng/clis/node_modules/.lock-installed; then
  npm ci --prefix eng/clis --no-audit --no-fund --loglevel=error
  cp eng/clis/package-lock.json eng/clis/node_modules/.lock-installed
fi
dotnet build src/AgentBudget.Silo -c "$CONFIGURATION" --verbosity quiet
http=$(free_address)
grpc=$(free_address)
gateway=$(free_address)
dotnet "artifacts/bin/AgentBudget.Silo/${CONFIGURATION,,}/AgentBudget.Silo.dll" \
  --data "$folder/data" --http "$http" --grpc "$grpc" --gateway "$gateway" --catalog eng/sdks/catalog.yaml \
  >"$folder/silo.log" 2>&1 &
silo=$!
for ((waited = 0; waited < READY_SECONDS_MAX * 10; waited++)); do
  if curl -fs "http://$http/readyz" >/dev/null; then break; fi
  kill -0 "$silo" 2>/dev/null || { cat "$folder/silo.log" >&2; exit 1; }
  sleep 0.1
done
status=0
node eng/clis/run.mjs --http "http://$http" --gateway "http://$gateway" --key "$folder/data/admin.key" \
  --folder "$folder" || status=$?
if [[ $status -ne 0 ]]; then cat "$folder/silo.log"; fi
exit $status
