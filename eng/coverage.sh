#!/usr/bin/env bash
# Runs the tests of the ledger and prints the branch coverage of AgentBudget.Ledger, file by file, with every branch that
# no test takes. The last line is "branch coverage of AgentBudget.Ledger: NN.N percent"; exit code 1 below 95.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PYTHON=/usr/bin/python3
PERCENT_MIN=95
PROJECT=tests/AgentBudget.Ledger.Tests

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# Without optimizations a branch in the source is a branch in the code. Counting branches allocates, so the tests that
# count bytes are left out.
dotnet build "$PROJECT" -c Debug --verbosity quiet --nologo
dotnet test "$PROJECT" -c Debug --no-build --nologo --filter 'FullyQualifiedName!~AllocationTests' \
  --collect "XPlat Code Coverage" --results-directory "$results" -- \
  DataCollectionRunSettings.DataCollectors.DataCollector.Configuration.Include='[AgentBudget.Ledger]*'

"$PYTHON" eng/coverage/branches.py "$results"/*/coverage.cobertura.xml --min "$PERCENT_MIN"
