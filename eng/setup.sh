#!/usr/bin/env bash
# Installs what the gates need and the machine lacks. Changes nothing on a machine that has it all.
# The .NET SDK and Node come with the machine; the rest comes from the package registries.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

DOTNET_MAJOR_MIN=10
NODE_MAJOR_MIN=20

# Debian packages: strace injects store faults; python3-grpcio is the C-core gRPC client of the interop check, chromium
# its browser and the dashboard's; postgresql is a shared store, of which tests start servers of their own; fish and
# zsh load their completions of the command line; tmux is the terminal of its top; iproute2 makes the network namespaces
# of silos that are cut off from each other.
DEBIAN_PACKAGES=(chromium curl fish iproute2 strace postgresql python3 python3-grpcio python3-protobuf tmux zsh)

fail() {
  echo "setup: $*" >&2
  exit 1
}

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "needs root for: $*"
  fi
}

# Prints the first number of what a tool calls its version: v20.20.2 gives 20.
major_of() {
  local version
  version=$("$1" --version) || fail "$1 --version does not run"
  version=${version#v}
  echo "${version%%.*}"
}

require_tool() {
  local tool=$1 major_min=$2
  command -v "$tool" >/dev/null || fail "$tool is missing; version $major_min or later is needed"
  [[ $(major_of "$tool") -ge $major_min ]] || fail "$tool is $("$tool" --version); $major_min or later is needed"
}

install_debian_packages() {
  local package missing=()
  for package in "${DEBIAN_PACKAGES[@]}"; do
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] \
      || missing+=("$package")
  done
  if [[ ${#missing[@]} -eq 0 ]]; then return; fi
  echo "installing from Debian: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
}

# npm ci for a folder with a lock file, unless its node_modules is already of that lock.
install_node_packages() {
  local folder=$1 stamp=$1/node_modules/.lock-installed
  if cmp -s "$folder/package-lock.json" "$stamp"; then return; fi
  echo "installing from npm: $folder"
  npm ci --prefix "$folder" --no-audit --no-fund --loglevel=error
  cp "$folder/package-lock.json" "$stamp"
}

require_tool dotnet "$DOTNET_MAJOR_MIN"
require_tool node "$NODE_MAJOR_MIN"
require_tool npm 1
install_debian_packages
install_node_packages eng
install_node_packages eng/azurite
install_node_packages eng/mcp
install_node_packages tests/interop
