#!/usr/bin/env bash
# Independent clients reserve, commit and watch on a silo of their own: grpc-js, the C core by way of Python, and a page
# in a browser, with generated code over gRPC-Web and with nothing but fetch over JSON. Loads the files of
# docs/operations that Prometheus and Grafana load. Ends with a line "N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

READY_SECONDS_MAX=60
GRPC_TOOLS=$(grep -oP 'Include="Grpc.Tools" Version="\K[^"]+' Directory.Packages.props)
NUGET=${NUGET_PACKAGES:-$HOME/.nuget/packages}
PROTOC=$NUGET/grpc.tools/$GRPC_TOOLS/tools/linux_x64/protoc
PROTOC_INCLUDES=$NUGET/grpc.tools/$GRPC_TOOLS/build/native/include
PYTHON=/usr/bin/python3 # Debian's own, which python3-grpcio belongs to.

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
  "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print("127.0.0.1:%d" % s.getsockname()[1])'
}

start_silo() {
  dotnet build src/AgentBudget.Silo -c Release --verbosity quiet
  http=$(free_address)
  grpc=$(free_address)
  page=$(free_address)
  dotnet artifacts/bin/AgentBudget.Silo/release/AgentBudget.Silo.dll \
    --data "$folder/data" --http "$http" --grpc "$grpc" --catalog tests/interop/catalog.yaml \
    --origins "http://$page" --notices-allow-private >"$folder/silo.log" 2>&1 &
  silo=$!
  local waited
  for ((waited = 0; waited < READY_SECONDS_MAX * 10; waited++)); do
    if curl -fs "http://$http/readyz" >/dev/null; then return; fi
    kill -0 "$silo" 2>/dev/null || break
    sleep 0.1
  done
  cat "$folder/silo.log" >&2
  echo "the silo was not ready" >&2
  exit 1
}

passed=0
failed=0

# Runs one client and adds the numbers of its last line; a client that ends without one has failed.
run_client() {
  local log=$folder/client.log status=0 line
  "$@" 2>&1 | tee "$log" || status=$?
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1 || true)
  sed -i '/^[0-9]* passed, [0-9]* failed$/d' "$log"
  passed=$((passed + $(awk '{print $1 + 0}' <<<"$line")))
  failed=$((failed + $(awk '{print $3 + 0}' <<<"$line")))
  if [[ $status -ne 0 && $line != *" failed" || -z $line ]]; then failed=$((failed + 1)); fi
}

eng/setup.sh
start_silo
"$PROTOC" -I protos -I "$PROTOC_INCLUDES" --include_imports --descriptor_set_out="$folder/descriptors" \
  protos/agentbudget/v1/*.proto
run_client node tests/interop/observability.mjs
run_client node tests/interop/client.mjs --grpc "$grpc" --key "$folder/data/admin.key" --protos protos
run_client node tests/interop/openapi.mjs --silo "http://$http"
run_client node tests/interop/webhook.mjs --silo "http://$http" --key "$folder/data/admin.key"
run_client "$PYTHON" tests/interop/client.py --grpc "$grpc" --key "$folder/data/admin.key" \
  --descriptors "$folder/descriptors"
PATH=tests/interop/node_modules/.bin:$PATH "$PROTOC" -I protos -I "$PROTOC_INCLUDES" --es_out="$folder" \
  --es_opt=target=js protos/agentbudget/v1/*.proto protos/google/*/*.proto
run_client node tests/interop/browser.mjs --page "$page" --silo "http://$http" --key "$folder/data/admin.key" \
  --generated "$folder"
if [[ $failed -gt 0 ]]; then cat "$folder/silo.log"; fi
echo "$passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
