#!/usr/bin/env bash
# What strangers write wherever the service reads it, spoilt by a grammar: tokens, assertions, proofs, keys, key sets,
# headers, catalogs, providers' reports, JSON and frames. CI runs a short form with the other tests; this is the long one.
#
#   eng/fuzz.sh                          20 times as much as CI
#   eng/fuzz.sh 200                      200 times
#   AGENTBUDGET_SEED=17 eng/fuzz.sh      with the seed that a failure named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TIMES=${1:-20}
export AGENTBUDGET_TOKENS=$((5000 * TIMES)) AGENTBUDGET_REQUESTS=$((5000 * TIMES)) AGENTBUDGET_FUZZ=$((60 * TIMES))

status=0
for project in Identity Edge Silo; do
  dotnet build "tests/AgentBudget.$project.Tests" -c Release --verbosity quiet --nologo
  dotnet test "artifacts/bin/AgentBudget.$project.Tests/release/AgentBudget.$project.Tests.dll" \
    --filter 'FullyQualifiedName~Fuzz' --logger 'console;verbosity=normal' || status=$?
done
exit "$status"
