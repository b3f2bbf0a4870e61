#!/usr/bin/env bash
# Breaks the network between three silos, and to their store, under load: 10 percent loss, 200 ms delay, the tenant's
# owner cut off from the others and from the store, both ways and one way. Holds the ledger to what the clients wrote
# down, as cluster.sh does. Each silo has a network namespace of its own, on a wire that the test carries by itself, so
# no packet reaches the machine's network. Needs root. The store is PostgreSQL, or with --azure Azurite.
#
#   eng/faults/partition.sh [--azure] [--faults N] [--seed S]        16 faults: each of the eight twice
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export AGENTBUDGET_PARTITIONS=16 AGENTBUDGET_CLUSTER_STORE=postgres
while [[ $# -gt 0 ]]; do
  case $1 in
    --azure)
      AGENTBUDGET_CLUSTER_STORE=azure
      shift
      continue
      ;;
    --faults) AGENTBUDGET_PARTITIONS=${2:?--faults needs a number} ;;
    --seed) export AGENTBUDGET_FAULT_SEED=${2:?--seed needs a number} ;;
    *) echo "usage: partition.sh [--azure] [--faults N] [--seed S]" >&2; exit 64 ;;
  esac
  shift 2
done
if [[ $EUID -ne 0 ]]; then
  echo "partition: network namespaces need root" >&2
  exit 1
fi

dotnet build tests/AgentBudget.Cluster.Tests -c Release -maxCpuCount:2 --verbosity quiet
exec dotnet test artifacts/bin/AgentBudget.Cluster.Tests/release/AgentBudget.Cluster.Tests.dll \
  --filter FullyQualifiedName~PartitionTests --logger "console;verbosity=detailed"
