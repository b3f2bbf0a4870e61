#!/usr/bin/env bash
# The client under load for long: 10,000 callers, 5 restarts of the silo, 100 cuts of its connections.
#   eng/client.sh [CALLERS [RESTARTS [CUTS]]]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export AGENTBUDGET_CLIENT_CALLERS=${1:-10000} AGENTBUDGET_CLIENT_RESTARTS=${2:-5} AGENTBUDGET_CLIENT_CUTS=${3:-100}
dotnet build tests/AgentBudget.Client.Tests --configuration Release -verbosity:quiet
dotnet test artifacts/bin/AgentBudget.Client.Tests/release/AgentBudget.Client.Tests.dll \
  --filter "FullyQualifiedName~ResilienceTests" --logger "console;verbosity=detailed"
