#!/usr/bin/env bash
# Runs the standard interoperability cases of gRPC against our protocol edge, by clients that are not ours: grpc-js, the
# C core by way of Python, the Connect clients for node and for browsers, and buf curl, which learns the contract by
# reflection. Prints tables and ends with a line "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=tests/AgentBudget.Rpc.Tests
ASSEMBLY=artifacts/bin/AgentBudget.Rpc.Tests/release/AgentBudget.Rpc.Tests.dll
PYTHON=/usr/bin/python3 # The one that Debian's packages belong to.
BUF=eng/node_modules/.bin/buf
CLIENT_SECONDS_MAX=180  # A client that takes this long hangs; its missing cases count as failed.

passed=0
failed=0
cell_width=10

eng/setup.sh || exit 1
[[ -s $ASSEMBLY ]] || dotnet build "$PROJECT" --configuration Release -verbosity:quiet || exit 1

work=$(mktemp -d)
mkfifo "$work/stop"
dotnet "$ASSEMBLY" interop-server "$work/contract" <"$work/stop" >"$work/ports" &
server=$!
exec 3>"$work/stop" # The server ends when this closes.
trap 'exec 3>&-; wait "$server"; rm -rf "$work"' EXIT

for _ in {1..300}; do
  [[ -s $work/ports ]] && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
read -r grpc_port http_port <"$work/ports" || { echo "interop: the server did not start" >&2; exit 1; }

timeout "$CLIENT_SECONDS_MAX" node eng/interop-rpc/client.mjs "$grpc_port" "$PROJECT/Protos" >"$work/grpc-js" 3>&-
timeout "$CLIENT_SECONDS_MAX" "$PYTHON" eng/interop-rpc/client.py "$grpc_port" "$work/contract" >"$work/c-core" 3>&-

GRPC_TOOLS=$(grep -oP 'Include="Grpc.Tools" Version="\K[^"]+' Directory.Packages.props)
PROTOC=${NUGET_PACKAGES:-$HOME/.nuget/packages}/grpc.tools/$GRPC_TOOLS/tools/linux_x64/protoc
"$PROTOC" -I "$PROJECT/Protos" --include_imports --descriptor_set_out="$work/contract-with-json" grpc/testing/test.proto
timeout "$CLIENT_SECONDS_MAX" node eng/interop-rpc/connect.mjs "$http_port" "$grpc_port" "$work/contract-with-json" \
  >"$work/connect" 3>&-

# The result of a case in a client's output; a case that a client never came to has none.
result_of() {
  local line
  line=$(grep -m 1 "^$2"$'\t' "$work/$1" || true)
  echo "${line#*$'\t'}"
}

# Prints one row and counts it: a name, then a client and its result for each column.
row() {
  local name=$1 client result cells=() notes=()
  shift
  while [[ $# -gt 0 ]]; do
    client=$1 result=$2
    shift 2
    if [[ $result == - ]]; then
      cells+=(-)
    elif [[ $result == ok ]]; then
      passed=$((passed + 1))
      cells+=(ok)
    else
      failed=$((failed + 1))
      cells+=(FAILED)
      notes+=("    $client: ${result:-no result}")
    fi
  done
  printf '%-32s' "$name"
  printf "%-${cell_width}s" "${cells[@]}"
  printf '\n'
  if [[ ${#notes[@]} -gt 0 ]]; then printf '%s\n' "${notes[@]}"; fi
}

printf '%-32s%-10s%-10s\n' case grpc-js "C core"
for name in $(cut -f 1 "$work/grpc-js" "$work/c-core" | awk '!seen[$0]++'); do
  row "$name" grpc-js "$(result_of grpc-js "$name")" "C core" "$(result_of c-core "$name")"
done

# The Connect clients: each protocol of theirs is a column, and a dash where the client cannot.
mapfile -t columns < <(cut -f 1 "$work/connect" | awk '!seen[$0]++')
printf '\n%-32s' "connect-node, connect-web"
printf '%-14s' "${columns[@]}"
printf '\n'
cell_width=14
for name in $(cut -f 2 "$work/connect" | awk '!seen[$0]++'); do
  results=()
  for column in "${columns[@]}"; do
    results+=("$column" "$(awk -F '\t' -v c="$column" -v n="$name" '$1 == c && $2 == n { print $3 }' "$work/connect")")
  done
  row "$name" "${results[@]}"
done
if [[ ${#columns[@]} -lt 6 ]]; then
  failed=$((failed + 1))
  echo "    the Connect clients ended early"
fi
cell_width=10

# Calls a method by what reflection tells of it and compares the answer without its spaces.
buf_curl() {
  local protocol=$1 method=$2 request=$3 expected=$4 answer
  answer=$(timeout 60 "$BUF" curl --protocol "$protocol" --http2-prior-knowledge --data "$request" \
    "http://127.0.0.1:$grpc_port/grpc.testing.TestService/$method" 2>&1 3>&- | tr -d ' \n')
  if [[ $answer == "$expected" ]]; then echo ok; else echo "${answer:0:300}"; fi
}

printf '\n%-32s%-10s%-10s%-10s\n' "buf curl, by reflection" gRPC gRPC-Web Connect
three_protocols() {
  local name=$1 protocol results=()
  shift
  for protocol in grpc grpcweb connect; do results+=("$protocol" "$(buf_curl "$protocol" "$@")"); done
  row "$name" "${results[@]}"
}
three_protocols empty_unary EmptyCall '{}' '{}'
three_protocols unary UnaryCall '{"response_size":3}' '{"payload":{"body":"AAAA"}}'
three_protocols server_streaming StreamingOutputCall '{"response_parameters":[{"size":3},{"size":3}]}' \
  '{"payload":{"body":"AAAA"}}{"payload":{"body":"AAAA"}}'
three_protocols client_streaming StreamingInputCall '{"payload":{"body":"AAAA"}}{"payload":{"body":"AAAA"}}' \
  '{"aggregatedPayloadSize":6}'
three_protocols status_code_and_message UnaryCall '{"response_status":{"code":5,"message":"gone"}}' \
  '{"code":"not_found","message":"gone"}'

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
