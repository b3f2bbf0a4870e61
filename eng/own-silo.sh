# For scripts that try real clients on a silo of their own; they source it from the root of the repository. It gives a
# folder that goes with the script, free addresses, npm packages of a lock file, and a silo that is stopped at the end.

READY_SECONDS_MAX=60
CONFIGURATION=${CONFIGURATION:-Release}
SILO=artifacts/bin/AgentBudget.Silo/${CONFIGURATION,,}/AgentBudget.Silo.dll

folder=$(mktemp -d)
silo=

finish() {
  if [[ -n $silo ]]; then
    kill -TERM "$silo" 2>/dev/null || true
    wait "$silo" || true
  fi
  rm -rf "$folder"
}
trap finish EXIT

free_address() {
  node -e 'const s = require("net").createServer(); s.listen(0, "127.0.0.1", () => {
    console.log("127.0.0.1:" + s.address().port); s.close(); })'
}

# npm ci for a folder with a lock file, unless its node_modules is already of that lock.
install_packages() {
  if cmp -s "$1/package-lock.json" "$1/node_modules/.lock-installed"; then return; fi
  npm ci --prefix "$1" --no-audit --no-fund --loglevel=error
  cp "$1/package-lock.json" "$1/node_modules/.lock-installed"
}

# Starts the silo at $http with these arguments beside its data folder, and waits until it is ready.
start_silo() {
  dotnet "$SILO" --data "$folder/data" --http "$http" "$@" >"$folder/silo.log" 2>&1 &
  silo=$!
  local waited
  for ((waited = 0; waited < READY_SECONDS_MAX * 10; waited++)); do
    if curl -fs "http://$http/readyz" >/dev/null; then break; fi
    kill -0 "$silo" 2>/dev/null || { cat "$folder/silo.log" >&2; exit 1; }
    sleep 0.1
  done
}
