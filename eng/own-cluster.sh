# For scripts that run a store and silos of their own on loopback; they source it from the root of the repository and
# set:
#   PORT     the first of the ports; silo N has three from PORT - 10 + 10 N on, and the store three from PORT + 5 on
#   FOLDER   where all is kept
#   SILO     the build of the silo that is started
#   store    postgres or azure
# What they start ends with stop_all.

STORE_PORT=$((PORT + 5))  # Azurite has this one and the next two.
READY_SECONDS_MAX=120

BIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
AZURITE=eng/azurite/node_modules/azurite/dist/src/azurite.js
if [[ $store == postgres && ! -x $BIN/initdb ]]; then
  echo "$0: PostgreSQL is not installed; run eng/setup.sh" >&2
  exit 1
fi
if [[ $store == azure && ! -e $AZURITE ]]; then
  echo "$0: Azurite is not installed; run eng/setup.sh" >&2
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
  migrate_store
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
    kill -0 "$store_pid" 2>/dev/null || { echo "$0: Azurite ended: $FOLDER/azurite.log" >&2; exit 1; }
    sleep 0.2
  done
  migrate_store
}

# Brings the store to what SILO needs; of a store that is there already it changes no ledger.
migrate_store() {
  case $store in
    postgres) dotnet "$SILO" --migrate --postgres "$(database postgres)" ;;
    azure) dotnet "$SILO" --migrate --azure "$(account)" ;;
  esac
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
      echo "$0: silo $silo ended:" >&2
      tail -n 5 "$FOLDER/silo$silo.log" >&2
      exit 1
    fi
    sleep 0.2
  done
  echo "$0: silo $silo was not ready within $READY_SECONDS_MAX s" >&2
  exit 1
}

stop_silo() {
  local silo=$1
  kill -TERM "${silo_pids[$silo]}" 2>/dev/null || true
  wait "${silo_pids[$silo]}"
  unset "silo_pids[$silo]"
}

stop_all() {
  trap - EXIT INT TERM
  local silo
  for silo in "${!silo_pids[@]}"; do kill -TERM "${silo_pids[$silo]}" 2>/dev/null || true; done
  for silo in "${!silo_pids[@]}"; do wait "${silo_pids[$silo]}" 2>/dev/null || true; done
  stop_store
}

prepare_cluster() {
  mkdir -p "$FOLDER"
  if [[ ! -e $FOLDER/cluster.key ]]; then (umask 077; head -c 48 /dev/urandom | base64 >"$FOLDER/cluster.key"); fi
  trap stop_all EXIT INT TERM
}
