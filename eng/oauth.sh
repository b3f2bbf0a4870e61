#!/usr/bin/env bash
# An independent OAuth client (oauth4webapi) against a silo of its own: discovery, client credentials, token exchange,
# proofs of possession, introspection, revocation, key rotation. Ends with a line "N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source eng/own-silo.sh

install_packages eng/oauth
node eng/oauth/client.mjs prepare "$folder"
dotnet build src/AgentBudget.Silo -c "$CONFIGURATION" --verbosity quiet
http=$(free_address)
grpc=$(free_address)
start_silo --grpc "$grpc" --catalog eng/oauth/catalog.yaml --trusted-issuers "$folder/issuers.json"
status=0
node eng/oauth/client.mjs run --http "http://$http" --key "$folder/data/admin.key" --issuers "$folder" || status=$?
# No secret, token or key is in what the silo said.
if grep -E 'ab[agkmofuw]_|eyJ[A-Za-z0-9_-]{20}' "$folder/silo.log"; then
  echo "a secret is in the silo's log"
  status=1
fi
if [[ $status -ne 0 ]]; then cat "$folder/silo.log"; fi
exit $status
