#!/usr/bin/env bash
# What silos over one PostgreSQL serve on this machine, as ratios:
#   * 100 tenants called at three silos, beside the same at one silo on the same cores;
#   * one tenant's Spend through silos that do not own it, beside its owner;
#   * the longest time in which nobody answers for a tenant with a million events, when its owner is stopped or killed;
#   * events a second that the store's journal takes.
#
#   eng/scale.sh [--rounds N] [--seconds S] [--events N] [--tenants N] [journal|tenants|spend|takeover ...]
#
# Without names all are measured. Ends with 1 when a goal is missed. AGENTBUDGET_CLUSTER_PORT moves the ports, which are
# those from 7070 on. Needs what eng/setup.sh installs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PORT=${AGENTBUDGET_CLUSTER_PORT:-7070}
ROUNDS=3
SECONDS_EACH=3
EVENTS=1000000
TENANTS=100
HOT=bench-hot             # The tenant of the bench that is spent on through one stream.
EVENTS_AFTER_SNAPSHOT=100000
PROBE_SECONDS=15
only=()

while [[ $# -gt 0 ]]; do
  case $1 in
    --rounds) ROUNDS=${2:?--rounds needs a number}; shift ;;
    --seconds) SECONDS_EACH=${2:?--seconds needs a number}; shift ;;
    --events) EVENTS=${2:?--events needs a number}; shift ;;
    --tenants) TENANTS=${2:?--tenants needs a number}; shift ;;
    journal | tenants | spend | takeover) only+=("$1") ;;
    *) echo "usage: scale.sh [--rounds N] [--seconds S] [--events N] [--tenants N] [part ...]" >&2; exit 64 ;;
  esac
  shift
done
if [[ ${#only[@]} -eq 0 ]]; then only=(journal tenants spend takeover); fi

FOLDER=$PWD/artifacts/scale
SILO=artifacts/bin/AgentBudget.Silo/release/AgentBudget.Silo.dll
BENCH=artifacts/bin/AgentBudget.Bench/release/AgentBudget.Bench.dll
store=postgres
source eng/own-cluster.sh

missed=0
prober=

# Says a figure, and whether it is what it is to be: name, figure, unit, "min" or "max", goal.
judge() {
  local is_reached
  is_reached=$(awk -v figure="$2" -v goal="$5" -v how="$4" \
    'BEGIN { print (how == "min" ? figure >= goal : figure <= goal) ? "reached" : "MISSED" }')
  printf '%-58s %10s %-9s goal %s %s: %s\n' "$1" "$2" "$3" "$4" "$5" "$is_reached"
  if [[ $is_reached == MISSED ]]; then missed=1; fi
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

start_silos() {
  local silo
  for silo in "$@"; do start_silo "$silo"; done
  for silo in "$@"; do wait_ready "$silo"; done
}

stop_silos() {
  local silo
  for silo in "${!silo_pids[@]}"; do kill -TERM "${silo_pids[$silo]}"; done
  for silo in "${!silo_pids[@]}"; do
    wait "${silo_pids[$silo]}" || true
    unset "silo_pids[$silo]"
  done
}

# The bench on silos, the first of which is set up through.
bench() {
  local silos=$1 silo grpc=
  shift
  for silo in $silos; do grpc+=${grpc:+,}$(grpc_of "$silo"); done
  dotnet "$BENCH" --grpc "$grpc" --http "$(http_of "${silos%% *}")" --admin-key "$FOLDER/silo1/admin.key" \
    --rounds "$ROUNDS" --seconds "$SECONDS_EACH" "$@"
}

# The number of the silo that owns the tenant.
owner() {
  local address silo
  address=$("$BIN/psql" -At -h 127.0.0.1 -p "$STORE_PORT" -U postgres -d budget \
    -c "SELECT owner_address FROM agentbudget.tenant WHERE name = '$HOT'")
  for silo in "${!silo_pids[@]}"; do
    if [[ $(silo_of "$silo") == "$address" ]]; then
      echo "$silo"
      return
    fi
  done
  echo "$0: nobody owns $HOT" >&2
  exit 1
}

measure_journal() {
  judge "journal of PostgreSQL, 8 tenants" "$(dotnet "$BENCH" --journal "$(database silo)" --tenants 8 \
    --rounds "$ROUNDS" --seconds "$SECONDS_EACH" | tee /dev/stderr | awk '{ print $2 }')" events/s min 100000
}

# Both take turns, since a machine is not the same from one minute to the next.
measure_tenants() {
  local round one=() three=() of_one of_three
  for ((round = 0; round < 3; round++)); do
    start_silos 1
    one+=("$(bench "1" --cluster --tenants "$TENANTS" --connections 6 | awk '$1 == "tenants" { print $3 }')")
    stop_silos
    start_silos 1 2 3
    three+=("$(bench "1 2 3" --cluster --only tenants --tenants "$TENANTS" --connections 6 \
      | awk '$1 == "tenants" { print $3 }')")
    stop_silos
    echo "  $TENANTS tenants: one silo ${one[-1]} calls/s, three ${three[-1]}" >&2
  done
  of_one=$(printf '%s\n' "${one[@]}" | median)
  of_three=$(printf '%s\n' "${three[@]}" | median)
  judge "three silos beside one, $TENANTS tenants ($of_three and $of_one calls/s)" \
    "$(ratio "$of_three" "$of_one")" "" min 0.75
}

measure_spend() {
  local lines owned others
  start_silos 1 2 3
  lines=$(bench "1 2 3" --cluster --only spend)
  owned=$(awk -v at="$(grpc_of "$(owner)")" '$1 == "spend" && $2 == at { print $3 }' <<<"$lines")
  others=$(awk -v at="$(grpc_of "$(owner)")" '$1 == "spend" && $2 != at { print $3 }' <<<"$lines" | median)
  stop_silos
  judge "Spend through another silo beside the owner ($others and $owned items/s)" \
    "$(ratio "$others" "$owned")" "" min 0.5
}

# Asks the silos in turn for the tenant's balance, and writes when each answer came, in ms.
probe() {
  local silo
  while [[ -e $FOLDER/probing ]]; do
    for silo in "$@"; do
      if curl -sf -o /dev/null --max-time 1 -H "authorization: Bearer $(<"$FOLDER/silo1/admin.key")" \
        -H "agentbudget-tenant: $HOT" "http://$(http_of "$silo")/v1/balances/tenants/$HOT"; then
        echo $(($(date +%s%N) / 1000000)) >>"$FOLDER/answers"
      fi
    done
  done
}

# The longest time without an answer, in ms, from one second before the owner gets a signal on.
gap_after() {
  local signal=$1 victim silo others=()
  victim=$(owner)
  for silo in 1 2 3; do if [[ $silo != "$victim" ]]; then others+=("$silo"); fi; done
  rm -f "$FOLDER/answers"
  touch "$FOLDER/probing"
  probe "${others[@]}" &
  prober=$!
  sleep 1
  kill "-$signal" "${silo_pids[$victim]}"
  wait "${silo_pids[$victim]}" || true
  unset "silo_pids[$victim]"
  sleep "$PROBE_SECONDS"
  rm -f "$FOLDER/probing"
  wait "$prober"
  awk 'NR > 1 && $1 - last > most { most = $1 - last } { last = $1 } END { print most + 0 }' "$FOLDER/answers"
}

measure_takeover() {
  start_silos 1 2 3
  bench "1 2 3" --fill "$EVENTS"
  gap_after TERM >"$FOLDER/gap"
  judge "take-over after a stop, $EVENTS events and a snapshot" "$(<"$FOLDER/gap")" ms max 2000
  start_silos "$(for silo in 1 2 3; do [[ -n ${silo_pids[$silo]:-} ]] || echo "$silo"; done)"
  bench "1 2 3" --fill "$EVENTS_AFTER_SNAPSHOT"
  gap_after KILL >"$FOLDER/gap"
  printf '%-58s %10s ms\n' "the same after kill -9, detection with it" "$(<"$FOLDER/gap")"
  stop_silos
}

dotnet build src/AgentBudget.Silo -c Release -maxCpuCount:2 --verbosity quiet
dotnet build bench/AgentBudget.Bench -c Release -maxCpuCount:2 --verbosity quiet
rm -rf "$FOLDER"
prepare_cluster
start_store
for part in "${only[@]}"; do "measure_$part"; done
exit "$missed"
