#!/usr/bin/env bash
# The storm at its full size: a thousand streams at once, whose callers leave and whose upstreams fail at random, while the
# silo restarts twice. What the upstreams billed must be what was settled, to the token. Its short form is a part of the
# gateway's tests.
#
#   eng/storm.sh [STREAMS [RESTARTS [SEED]]]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dotnet build tests/AgentBudget.Gateway.Tests -c Release --verbosity quiet
AGENTBUDGET_STORM_STREAMS=${1:-1000} AGENTBUDGET_STORM_RESTARTS=${2:-2} AGENTBUDGET_STORM_SEED=${3:-} \
  dotnet test artifacts/bin/AgentBudget.Gateway.Tests/release/AgentBudget.Gateway.Tests.dll \
  --filter FullyQualifiedName~StormTests --logger "console;verbosity=detailed"
