#!/usr/bin/env bash
# Ends connections to PostgreSQL while groups are committed, and crashes the server, again and again; then looks whether
# each group is there once.
#
#   eng/faults/postgres.sh [--kills N] [--crashes N]        200 ended connections, 10 crashes
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export AGENTBUDGET_POSTGRES_KILLS=200 AGENTBUDGET_POSTGRES_CRASHES=10
while [[ $# -gt 0 ]]; do
  case $1 in
    --kills) AGENTBUDGET_POSTGRES_KILLS=${2:?--kills needs a number} ;;
    --crashes) AGENTBUDGET_POSTGRES_CRASHES=${2:?--crashes needs a number} ;;
    *) echo "usage: postgres.sh [--kills N] [--crashes N]" >&2; exit 64 ;;
  esac
  shift 2
done

TESTS=tests/AgentBudget.Storage.Tests
dotnet build "$TESTS" -c Release -maxCpuCount:2 --verbosity quiet
exec dotnet test artifacts/bin/AgentBudget.Storage.Tests/release/AgentBudget.Storage.Tests.dll \
  --filter FullyQualifiedName~LostConnectionTests --logger "console;verbosity=detailed"
