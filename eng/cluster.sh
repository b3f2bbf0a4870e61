#!/usr/bin/env bash
# A whole cluster on this machine, to look at and to try: a store and three silos, on loopback alone.
#
#   eng/cluster.sh [--azure]           starts everything, says where it is, and ends it all with Ctrl-C
#   eng/cluster.sh [--azure] --roll    the same, and then restarts one silo after the other under load, once, and ends
#   eng/cluster.sh [--azure] --roll --from COMMIT
#                                      starts silos that are built from a former commit on a new store, brings the store
#                                      to what this tree needs, and replaces one silo after the other by this tree's;
#                                      COMMIT may be "release", the newest tag
#
# The store is PostgreSQL, or with --azure Azurite, the emulator of Azure Storage. AGENTBUDGET_CLUSTER_PORT moves the
# ports, which are those from 7070 on.
#
# Everything is kept in artifacts/cluster-postgres or artifacts/cluster-azure; remove the folder to begin anew. Needs what eng/setup.sh installs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PORT=${AGENTBUDGET_CLUSTER_PORT:-7070}
SILOS=(1 2 3)
CALLS_BETWEEN_STEPS=20
CALLS_A_SESSION=50        # The demo catalog grants a session 60 model calls.

is_rolling=false
from=
store=postgres
while [[ $# -gt 0 ]]; do
  case $1 in
    --roll) is_rolling=true ;;
    --azure) store=azure ;;
    --from)
      from=${2:?--from needs a commit}
      shift
      ;;
    *) echo "usage: cluster.sh [--azure] [--roll [--from COMMIT]]" >&2; exit 64 ;;
  esac
  shift
done
if [[ -n $from ]] && ! $is_rolling; then
  echo "cluster: --from goes with --roll" >&2
  exit 64
fi
FOLDER=$PWD/artifacts/cluster-$store${from:+-upgrade}
BUILT=artifacts/bin/AgentBudget.Silo/release/AgentBudget.Silo.dll
SILO=$BUILT
source eng/own-cluster.sh

# Asks one silo after the other until one answers, with the same request id, so that one call has one effect. Each is
# the first now and then, so most calls come in at a silo that is not the tenant's owner.
call() {
  local path=$1 body=$2 attempt silo
  local first=$((RANDOM % ${#SILOS[@]}))
  for ((attempt = 0; attempt < 600; attempt++)); do
    silo=$(((first + attempt) % ${#SILOS[@]} + 1))
    if curl -sf --max-time 20 -H "authorization: Bearer $(<"$FOLDER/silo1/admin.key")" \
      -H 'content-type: application/json' -d "$body" "http://$(http_of "$silo")/v1/$path"; then return; fi
    sleep 0.1
  done
  echo "cluster: no silo answered $path" >&2
  exit 1
}

field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }

# Reserves and settles one call after the other, until the file is gone; writes how many it settled.
load() {
  local run=$1 count=0 token answer reservation
  while [[ -e $FOLDER/loading ]]; do
    if ((count % CALLS_A_SESSION == 0)); then
      token=$(call sessions '{"requestId":"open-'"$run-$count"'","agent":"agents/promo-writer",
        "useCase":"useCases/trade-promo","task":"roll","onBehalfOf":"user:kim@acme.test",
        "tags":{"environment":"prod"}}' | field sessionToken)
    fi
    answer=$(call reservations '{"requestId":"reserve-'"$run-$count"'","sessionToken":"'"$token"'",
      "model":"claude-haiku-4-5","estimate":{"inputTokens":"10","maxOutputTokens":"10"}}')
    reservation=$(field reservationId <<<"$answer")
    [[ -n $reservation ]] || { echo "cluster: not granted: $answer" >&2; exit 1; }
    call "reservations/$reservation:release" '{"requestId":"release-'"$run-$count"'","sessionToken":"'"$token"'"}' \
      >/dev/null
    count=$((count + 1))
    echo "$count" >"$FOLDER/loaded"
  done
}

wait_load() {
  local from
  from=$(cat "$FOLDER/loaded" 2>/dev/null || echo 0)
  while [[ $(cat "$FOLDER/loaded" 2>/dev/null || echo 0) -lt $((from + CALLS_BETWEEN_STEPS)) ]]; do
    kill -0 "$1" 2>/dev/null || { echo "cluster: the load ended" >&2; exit 1; }
    sleep 0.2
  done
}

roll() {
  local silo load_pid
  rm -f "$FOLDER/loaded"
  touch "$FOLDER/loading"
  load "$$-$SECONDS" &
  load_pid=$!
  for silo in "${SILOS[@]}"; do
    wait_load "$load_pid"
    stop_silo "$silo"
    echo "  silo $silo stopped cleanly; $(<"$FOLDER/loaded") calls served so far"
    wait_load "$load_pid"
    start_silo "$silo"
    wait_ready "$silo"
    echo "  silo $silo is back"
  done
  wait_load "$load_pid"
  rm -f "$FOLDER/loading"
  wait "$load_pid"
  echo "rolled: $(<"$FOLDER/loaded") calls reserved and released, none refused"
}

# Builds the silo of a former commit, once, from its own sources and apart from this tree's.
build_former() {
  local commit=$1 sources
  if [[ $commit == release ]]; then
    commit=$(git describe --tags --abbrev=0 2>/dev/null) || { echo "cluster: no release is tagged" >&2; exit 64; }
  fi
  commit=$(git rev-parse --verify --quiet "$commit^{commit}") || { echo "cluster: no commit $1" >&2; exit 64; }
  sources=$PWD/artifacts/former/$commit
  FORMER=$sources/artifacts/bin/AgentBudget.Silo/release/AgentBudget.Silo.dll
  if [[ ! -e $sources/built ]]; then
    mkdir -p "$sources"
    git archive "$commit" | tar -x -C "$sources"
    (cd "$sources" && dotnet build src/AgentBudget.Silo -c Release -maxCpuCount:2 --verbosity quiet)
    touch "$sources/built"
  fi
  echo "Silos of $(git log -1 --format='%h, %cs' "$commit") are replaced by those of this tree"
}

dotnet build src/AgentBudget.Silo -c Release -maxCpuCount:2 --verbosity quiet
if [[ -n $from ]]; then
  build_former "$from"
  rm -rf "$FOLDER" # What a later release wrote is not for a former one.
  SILO=$FORMER
fi
prepare_cluster
start_store
for silo in "${SILOS[@]}"; do start_silo "$silo"; done
for silo in "${SILOS[@]}"; do wait_ready "$silo"; done
echo "Three silos serve JSON at $(http_of 1), $(http_of 2) and $(http_of 3), and gRPC one port above each."
echo "  admin key  $FOLDER/silo1/admin.key"
if [[ -n $from ]]; then
  SILO=$BUILT # From here on: what is started next, and the tables first.
  migrate_store
fi
if $is_rolling; then roll; else wait "${silo_pids[@]}"; fi
