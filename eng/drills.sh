#!/usr/bin/env bash
# Drills against a silo of their own: what an operator does on a bad day, and what it must bring about. Each ends with
# a line "N passed, N failed".
#
#   eng/drills.sh                        both
#   eng/drills.sh stolen-credential      one credential is revoked; all that came from it ends with it
#   eng/drills.sh leaked-signing-key     the present and a retired signing key are ended
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dotnet build src/AgentBudget.Silo -c Release --verbosity quiet --nologo
status=0
for drill in ${1:-stolen-credential leaked-signing-key}; do
  echo "$drill"
  node "eng/drills/$drill.mjs" --no-build || status=$?
done
exit "$status"
