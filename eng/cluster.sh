#!/usr/bin/env bash
# A whole cluster on this machine, to look at and to try: a store and three silos, on loopback alone.
#
#   eng/cluster.sh [--azure]           starts everything, says where it is, and ends it all with Ctrl-C
#   eng/cluster.sh [--azure] --roll    the same, and then restarts one silo after the other under load, once, and ends
#
# The store is PostgreSQL, or with --azure Azurite, the emulator of Azure Storage. AGENTBUDGET_CLUSTER_PORT moves the
# ports, which are those from 7070 on.
#
# Everything is kept in artifacts/cluster-postgres or artifacts/cluster-azure; remove the folder to begin anew. Needs what eng/setup.sh installs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PORT=${AGENTBUDGET_CLUSTER_PORT:-7070}
STORE_PORT=$((PORT + 5))  # Azurite has this one and the next two.
SILOS=(1 2 3)
READY_SECONDS_MAX=120
CALLS_BETWEEN_STEPS=20
CALLS_A_SESSION=50        # The demo catalog grants a session 60 model calls.

is_rolling=false
store=postgres
while [[ $# -gt 0 ]]; do
  case $1 in
    --roll) is_rolling=true ;;
    --azure) store=azure ;;
    *) echo "usage: cluster.sh [--azure] [--roll]" >&2; exit 64 ;;
  esac
  shift
done
FOLDER=$PWD/artifacts/cluster-$store

BIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
AZURITE=eng/azurite/node_modules/azurite/dist/src/azurite.js
if [[ $store == postgres && ! -x $BIN/initdb ]]; then
  echo "cluster: PostgreSQL is not installed; run eng/setup.sh" >&2
  exit 1
fi
if [[ $store == azure && ! -e $AZURITE ]]; then
  echo "cluster: Azurite is not installed; run eng/setup.sh" >&2
  exit 1
fi

declare -A silo_pids
store_pid=

http_of() { echo "127.0.0.1:$((PORT - 10 + 10 * $1))"; }
grpc_of() { echo "127.0.0.1:$((PORT - 9 + 10 * $1))"; }
silo_of() { echo "127.0.0.1:$((PORT - 8 + 10 * $1))"; }

# The server does not run as root.
as_server() {
  if [[ $EUID -eq 0 ]]; then runuser -u postgres -- "$@"; else "$@"; fi
}

database() { echo "Host=127.0.0.1;Port=$STORE_PORT;Database=budget;Username=$1"; }

sql() { "$BIN/psql" -q -h 127.0.0.1 -p "$STORE_PORT" -U postgres -d "$1" -c "$2"; }

start_postgres() {
  local data=$FOLDER/postgres is_new=false
  if [[ ! -d $data ]]; then
    is_new=true
    mkdir -p "$data"
    if [[ $EUID -eq 0 ]]; then chown postgres "$data"; chmod o+x "$FOLDER"; fi
    as_server "$BIN/initdb" -D "$data" -U postgres --auth=trust -E UTF8 --locale=C >/dev/null
  fi
  as_server "$BIN/pg_ctl" -D "$data" -l "$data/log" -w \
    -o "-c port=$STORE_PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories=$data" start >/dev/null
  if $is_new; then sql postgres "CREATE DATABASE budget"; fi
  dotnet "$SILO" --migrate --postgres "$(database postgres)"
  if $is_new; then sql budget "CREATE ROLE silo LOGIN IN ROLE agentbudget_silo"; fi
}

stop_postgres() {
  as_server "$BIN/pg_ctl" -D "$FOLDER/postgres" -m fast -w stop >/dev/null || true
}

account() {
  echo "DefaultEndpointsProtocol=http;AccountName=budget;AccountKey=$(<"$FOLDER/account.key");\
BlobEndpoint=http://127.0.0.1:$STORE_PORT/budget;TableEndpoint=http://127.0.0.1:$((STORE_PORT + 2))/budget"
}

start_azurite() {
  local waited
  if [[ ! -e $FOLDER/account.key ]]; then
    (umask 077; head -c 64 /dev/urandom | base64 -w 0 >"$FOLDER/account.key")
  fi
  AZURITE_ACCOUNTS="budget:$(<"$FOLDER/account.key")" node "$AZURITE" --location "$FOLDER/azurite" --silent \
    --disableTelemetry --skipApiVersionCheck --disableProductStyleUrl \
    --blobHost 127.0.0.1 --blobPort "$STORE_PORT" --queueHost 127.0.0.1 --queuePort $((STORE_PORT + 1)) \
    --tableHost 127.0.0.1 --tablePort $((STORE_PORT + 2)) >>"$FOLDER/azurite.log" 2>&1 &
  store_pid=$!
  for ((waited = 0; waited < READY_SECONDS_MAX * 5; waited++)); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$((STORE_PORT + 2))") 2>/dev/null; then break; fi
    kill -0 "$store_pid" 2>/dev/null || { echo "cluster: Azurite ended: $FOLDER/azurite.log" >&2; exit 1; }
    sleep 0.2
  done
  dotnet "$SILO" --migrate --azure "$(account)"
}

start_store() { case $store in postgres) start_postgres ;; azure) start_azurite ;; esac; }

# What a silo is told of it.
store_arguments() {
  case $store in
    postgres) printf '%s\n' --store postgres --postgres "$(database silo)" ;;
    azure) printf '%s\n' --store azure --azure "$(account)" ;;
  esac
}

# Azurite writes what it has when it is asked to end.
stop_store() {
  case $store in
    postgres) stop_postgres ;;
    azure) if [[ -n $store_pid ]]; then kill -TERM "$store_pid" 2>/dev/null && wait "$store_pid"; fi || true ;;
  esac
}

start_silo() {
  local silo=$1 catalog=() arguments
  mapfile -t arguments < <(store_arguments)
  if [[ $silo == 1 ]]; then catalog=(--catalog silo-config/demo-catalog.yaml); fi
  dotnet "$SILO" "${arguments[@]}" --cluster-key "$FOLDER/cluster.key" \
    --silo-address "$(silo_of "$silo")" --issuer "http://$(http_of 1)" --data "$FOLDER/silo$silo" \
    --http "$(http_of "$silo")" --grpc "$(grpc_of "$silo")" "${catalog[@]}" >>"$FOLDER/silo$silo.log" 2>&1 &
  silo_pids[$silo]=$!
}

wait_ready() {
  local silo=$1 waited
  for ((waited = 0; waited < READY_SECONDS_MAX * 5; waited++)); do
    if curl -sf -o /dev/null "http://$(http_of "$silo")/readyz"; then return; fi
    if ! kill -0 "${silo_pids[$silo]}" 2>/dev/null; then
      echo "cluster: silo $silo ended:" >&2
      tail -n 5 "$FOLDER/silo$silo.log" >&2
      exit 1
    fi
    sleep 0.2
  done
  echo "cluster: silo $silo was not ready within $READY_SECONDS_MAX s" >&2
  exit 1
}

stop_silo() {
  local silo=$1
  kill -TERM "${silo_pids[$silo]}" 2>/dev/null || true
  wait "${silo_pids[$silo]}"
}

stop_all() {
  trap - EXIT INT TERM
  local silo
  for silo in "${!silo_pids[@]}"; do kill -TERM "${silo_pids[$silo]}" 2>/dev/null || true; done
  for silo in "${!silo_pids[@]}"; do wait "${silo_pids[$silo]}" 2>/dev/null || true; done
  stop_store
}

# Asks one silo after the other until one answers, with the same request id, so that one call has one effect.
call() {
  local path=$1 body=$2 attempt silo
  for ((attempt = 0; attempt < 600; attempt++)); do
    silo=$((attempt % ${#SILOS[@]} + 1))
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

dotnet build src/AgentBudget.Silo -c Release -maxCpuCount:2 --verbosity quiet
SILO=artifacts/bin/AgentBudget.Silo/release/AgentBudget.Silo.dll
mkdir -p "$FOLDER"
if [[ ! -e $FOLDER/cluster.key ]]; then (umask 077; head -c 48 /dev/urandom | base64 >"$FOLDER/cluster.key"); fi
trap stop_all EXIT INT TERM
start_store
for silo in "${SILOS[@]}"; do start_silo "$silo"; done
for silo in "${SILOS[@]}"; do wait_ready "$silo"; done
echo "Three silos serve JSON at $(http_of 1), $(http_of 2) and $(http_of 3), and gRPC one port above each."
echo "  admin key  $FOLDER/silo1/admin.key"
if $is_rolling; then roll; else wait "${silo_pids[@]}"; fi
