#!/usr/bin/env bash
# A noisy caller at full speed in each thing that has a bound (sessions, holds, proofs, revocations, verification, tool
# calls, failed secrets) beside a sibling that uses the same thing at a steady pace, against a silo of its own. Prints the
# sibling's calls a second alone and beside it, and fails below 0.8 of them or with an error that the sibling is told.
# Needs a machine that does nothing else. Ends with a line "N passed, N failed".
#
#   eng/noisy.sh                 ten seconds of each, alone and beside
#   eng/noisy.sh 60 holds        a minute of one of them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

exec node eng/drills/noisy.mjs "$@"
