#!/usr/bin/env bash
# The official conformance suite of the Model Context Protocol, and its inspector's command line, before the gateway of
# a silo of its own. Behind it is a server that has all that the suite asks for: over HTTP, and as a program. The suite
# runs without a gateway too, and finds the same. Ends with a line "N passed, N failed".
#
#   eng/mcp.sh            all of it
#   eng/mcp.sh --short    the suite and the inspector before the server over HTTP
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source eng/own-silo.sh

install_packages eng/mcp
dotnet build src/AgentBudget.Silo -c "$CONFIGURATION" --verbosity quiet
http=$(free_address)
grpc=$(free_address)
gateway=$(free_address)
upstream=$(free_address)
sed "s/UPSTREAM/$upstream/g" eng/mcp/silo.json >"$folder/silo.json"
start_silo --grpc "$grpc" --gateway "$gateway" --catalog eng/mcp/catalog.yaml --config "$folder/silo.json"
status=0
node eng/mcp/run.mjs --http "http://$http" --gateway "$gateway" --upstream "$upstream" --key "$folder/data/admin.key" \
  --folder "$folder" "$@" || status=$?
if [[ $status -ne 0 ]]; then cat "$folder/silo.log"; fi
exit $status
