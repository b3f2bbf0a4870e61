#!/usr/bin/env bash
# Writes the journal of this release, every kind of event in it, to tests/golden/NAME.journal and NAME.state, and every
# kind of command and view as silos exchange them to NAME.turns. Once a release, before it is tagged; what is there is
# never changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
name=${1:?usage: eng/golden.sh NAME, for example eng/golden.sh 2026-11}
AGENTBUDGET_GOLDEN=$name dotnet test tests/AgentBudget.Simulation.Tests -c Release \
  --filter A_new_journal_reads_back_as_it_was_written
AGENTBUDGET_GOLDEN=$name dotnet test tests/AgentBudget.Grains.Tests -c Release \
  --filter Turns_of_this_release_are_read_and_lose_nothing
ls -l "tests/golden/$name."*
