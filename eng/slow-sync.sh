#!/usr/bin/env bash
# Runs a command, and everything it starts, with a delay added to every fsync and fdatasync.
#
#   eng/slow-sync.sh 1000 dotnet run -c Release --project bench/AgentBudget.Bench -- --quick
#
# The first argument is the delay in microseconds. Needs gcc.
set -euo pipefail

if [[ $# -lt 2 || ! $1 =~ ^[0-9]+$ ]]; then
  echo "usage: slow-sync.sh MICROSECONDS COMMAND [ARGUMENT...]" >&2
  exit 64
fi

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
library=$folder/../artifacts/slow-sync.so
source=$folder/slow-sync/slow-sync.c
if [[ ! -e $library || $source -nt $library ]]; then
  mkdir -p "$(dirname "$library")"
  gcc -O2 -shared -fPIC -o "$library" "$source" -ldl
fi

export SLOW_SYNC_MICROSECONDS=$1
shift
LD_PRELOAD=$(realpath "$library") exec "$@"
