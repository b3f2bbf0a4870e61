#!/usr/bin/env bash
# Forecasts, anomalies and adjacency over 100 seeded stories of ninety days, where the tests of a run take 20, and
# reports of 20 of them as ledgers. Prints how many intervals held, what was found and what was false. Takes minutes.
# usage: eng/stories.sh [SEEDS]
set -euo pipefail
cd "$(dirname "$0")/.."
name=AgentBudget.Reporting.Tests
dotnet build -c Release "tests/$name" -v:q
STORIES="${1:-100}" dotnet test "artifacts/bin/$name/release/$name.dll" \
  --filter FullyQualifiedName~Stories --logger "console;verbosity=detailed"
