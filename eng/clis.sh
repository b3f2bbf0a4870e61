#!/usr/bin/env bash
# Claude Code, Codex, Gemini CLI and Copilot CLI, unchanged, before the gateway of a silo of its own, with the demo model
# behind it and no other network: each does one task, and each is stopped by the cap of its session with what the budget
# says. Not a part of ./test, because they weigh 1.1 GB. Ends with a line "N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source eng/own-silo.sh

install_packages eng/clis
dotnet build src/AgentBudget.Silo -c "$CONFIGURATION" --verbosity quiet
http=$(free_address)
grpc=$(free_address)
gateway=$(free_address)
start_silo --grpc "$grpc" --gateway "$gateway" --catalog eng/sdks/catalog.yaml
status=0
node eng/clis/run.mjs --http "http://$http" --gateway "http://$gateway" --key "$folder/data/admin.key" \
  --folder "$folder" || status=$?
if [[ $status -ne 0 ]]; then cat "$folder/silo.log"; fi
exit $status
