#!/usr/bin/env bash
# Fails syncs and fills the disk under load, and edits the journal, again and again with other seeds.
#
#   eng/faults/disk.sh [--rounds N] [--seed S]       5 rounds; round I has seed S + I; needs strace
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

rounds=5
seed=$((RANDOM * 1000 + 1))
while [[ $# -gt 0 ]]; do
  case $1 in
    --rounds) rounds=${2:?--rounds needs a number} ;;
    --seed) seed=${2:?--seed needs a number} ;;
    *) echo "usage: disk.sh [--rounds N] [--seed S]" >&2; exit 64 ;;
  esac
  shift 2
done

dotnet build tests/AgentBudget.Faults.Tests -c Release --verbosity quiet
for ((round = 0; round < rounds; round++)); do
  echo "round $((round + 1)) of $rounds: seed $((seed + round))"
  AGENTBUDGET_FAULT_SEED=$((seed + round)) dotnet test tests/AgentBudget.Faults.Tests -c Release --no-build \
    --filter "FullyQualifiedName~DiskTests|FullyQualifiedName~EditedJournalTests"
done
