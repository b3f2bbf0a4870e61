#!/usr/bin/env bash
# Loses calls to Azure Storage while groups are appended, and stops its emulator and starts it again, again and again;
# then looks whether each group is there once.
#
#   eng/faults/azure.sh [--faults N] [--restarts N] [--seed S]        200 lost calls, 10 restarts
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export AGENTBUDGET_AZURE_FAULTS=200 AGENTBUDGET_AZURE_RESTARTS=10
while [[ $# -gt 0 ]]; do
  case $1 in
    --faults) AGENTBUDGET_AZURE_FAULTS=${2:?--faults needs a number} ;;
    --restarts) AGENTBUDGET_AZURE_RESTARTS=${2:?--restarts needs a number} ;;
    --seed) export AGENTBUDGET_FAULT_SEED=${2:?--seed needs a number} ;;
    *) echo "usage: azure.sh [--faults N] [--restarts N] [--seed S]" >&2; exit 64 ;;
  esac
  shift 2
done

TESTS=tests/AgentBudget.Storage.Tests
dotnet build "$TESTS" -c Release -maxCpuCount:2 --verbosity quiet
exec dotnet test artifacts/bin/AgentBudget.Storage.Tests/release/AgentBudget.Storage.Tests.dll \
  --filter FullyQualifiedName~AzureFaultTests --logger "console;verbosity=detailed"
