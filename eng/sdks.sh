#!/usr/bin/env bash
# The official npm SDKs of OpenAI, Anthropic, Google and the Model Context Protocol, unchanged, before the gateway of a
# silo of its own: whole and streamed answers, tools, errors, refusals that are sent once, streams that are cut. Behind it
# the demo model, and fake upstreams that fail. Ends with a line "N passed, N failed".
#
#   eng/sdks.sh            the checks
#   eng/sdks.sh overhead   what the gateway adds to an upstream of 200 ms at 200 calls a second
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source eng/own-silo.sh

install_packages eng/sdks
dotnet build src/AgentBudget.Silo -c "$CONFIGURATION" --verbosity quiet
http=$(free_address)
grpc=$(free_address)
gateway=$(free_address)
upstream=$(free_address)
sed "s/UPSTREAM/$upstream/g" eng/sdks/silo.json >"$folder/silo.json"
FAKE_KEY=sk-fake start_silo --grpc "$grpc" --gateway "$gateway" --catalog eng/sdks/catalog.yaml --config "$folder/silo.json"
status=0
node "eng/sdks/${1:-client}.mjs" --http "http://$http" --gateway "http://$gateway" --upstream "$upstream" \
  --key "$folder/data/admin.key" || status=$?
# No secret, token, key or prompt is in what the silo said.
if grep -E 'ab[agkmofuw]_|eyJ[A-Za-z0-9_-]{20}|sk-fake|demo:(call|loop)' "$folder/silo.log"; then
  echo "a secret is in the silo's log"
  status=1
fi
if [[ $status -ne 0 ]]; then cat "$folder/silo.log"; fi
exit $status
