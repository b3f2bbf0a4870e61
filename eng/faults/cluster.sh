#!/usr/bin/env bash
# Kills, pauses and stops the owner of a tenant in a cluster of three silos under load that comes in at all of them, and
# holds the ledger to what the clients wrote down: each call once, and all calls and reads in one order that agrees with
# the clients' clock. Then ends credentials and sessions and asks each silo at once. The store is PostgreSQL, or with
# --azure Azurite, the emulator of Azure Storage.
#
#   eng/faults/cluster.sh [--azure] [--kills N] [--pauses N] [--stops N] [--revocations N] [--seed S]
#
# By default 20 kills, 20 pauses, 9 stops and 1000 revocations.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export AGENTBUDGET_CLUSTER_KILLS=20 AGENTBUDGET_CLUSTER_PAUSES=20 AGENTBUDGET_CLUSTER_STOPS=9
export AGENTBUDGET_CLUSTER_REVOCATIONS=1000 AGENTBUDGET_CLUSTER_STORE=postgres
while [[ $# -gt 0 ]]; do
  case $1 in
    --azure)
      AGENTBUDGET_CLUSTER_STORE=azure
      shift
      continue
      ;;
    --kills) AGENTBUDGET_CLUSTER_KILLS=${2:?--kills needs a number} ;;
    --pauses) AGENTBUDGET_CLUSTER_PAUSES=${2:?--pauses needs a number} ;;
    --stops) AGENTBUDGET_CLUSTER_STOPS=${2:?--stops needs a number} ;;
    --revocations) AGENTBUDGET_CLUSTER_REVOCATIONS=${2:?--revocations needs a number} ;;
    --seed) export AGENTBUDGET_FAULT_SEED=${2:?--seed needs a number} ;;
    *) echo "usage: cluster.sh [--azure] [--kills N] [--pauses N] [--stops N] [--revocations N] [--seed S]" >&2; exit 64 ;;
  esac
  shift 2
done

dotnet build tests/AgentBudget.Cluster.Tests -c Release -maxCpuCount:2 --verbosity quiet
exec dotnet test artifacts/bin/AgentBudget.Cluster.Tests/release/AgentBudget.Cluster.Tests.dll \
  --logger "console;verbosity=detailed"
