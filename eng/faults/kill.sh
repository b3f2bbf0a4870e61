#!/usr/bin/env bash
# Kills a silo under load again and again, then holds it to what its clients wrote down.
#
#   eng/faults/kill.sh [--kills N] [--seed S]        20 kills; the seed is printed and can be given again
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export AGENTBUDGET_FAULT_KILLS=20
while [[ $# -gt 0 ]]; do
  case $1 in
    --kills) AGENTBUDGET_FAULT_KILLS=${2:?--kills needs a number} ;;
    --seed) export AGENTBUDGET_FAULT_SEED=${2:?--seed needs a number} ;;
    *) echo "usage: kill.sh [--kills N] [--seed S]" >&2; exit 64 ;;
  esac
  shift 2
done

exec dotnet test tests/AgentBudget.Faults.Tests -c Release --filter FullyQualifiedName~KillTests \
  --logger "console;verbosity=detailed"
