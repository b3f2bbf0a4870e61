#!/usr/bin/env bash
# An independent OAuth client (oauth4webapi) against a silo of its own: discovery, client credentials, token exchange,
# proofs of possession, introspection, revocation, key rotation. Ends with a line "N passed, N failed".
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

if ! cmp -s eng/oauth/package-lock.json eng/oauth/node_modules/.lock-installed; then
  npm ci --prefix eng/oauth --no-audit --no-fund --loglevel=error
  cp eng/oauth/package-lock.json eng/oauth/node_modules/.lock-installed
fi
node eng/oauth/client.mjs prepare "$folder"
dotnet build src/AgentBudget.Silo -c "$CONFIGURATION" --verbosity quiet
http=$(free_address)
grpc=$(free_address)
dotnet "artifacts/bin/AgentBudget.Silo/${CONFIGURATION,,}/AgentBudget.Silo.dll" \
  --data "$folder/data" --http "$http" --grpc "$grpc" --catalog eng/oauth/catalog.yaml \
  --trusted-issuers "$folder/issuers.json" >"$folder/silo.log" 2>&1 &
silo=$!
for ((waited = 0; waited < READY_SECONDS_MAX * 10; waited++)); do
  if curl -fs "http://$http/readyz" >/dev/null; then break; fi
  kill -0 "$silo" 2>/dev/null || { cat "$folder/silo.log" >&2; exit 1; }
  sleep 0.1
done
status=0
node eng/oauth/client.mjs run --http "http://$http" --key "$folder/data/admin.key" --issuers "$folder" || status=$?
# No secret, token or key is in what the silo said.
if grep -E 'ab[agkmofuw]_|eyJ[A-Za-z0-9_-]{20}' "$folder/silo.log"; then
  echo "a secret is in the silo's log"
  status=1
fi
if [[ $status -ne 0 ]]; then cat "$folder/silo.log"; fi
exit $status
