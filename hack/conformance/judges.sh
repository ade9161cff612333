#!/usr/bin/env bash
# Installs the judges of the suite `http`: Python's h11 in an environment of its own, and a small Go program. Both lie
# outside the tree; prints their commands, one a line. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/../../test/conformance/judges"

cache="${EASEGRESS_CACHE:-$HOME/.cache/easegress}/judges"
mkdir -p "$cache"

python="$cache/venv/bin/python"
if ! "$python" -c 'import h11' 2>/dev/null; then
  python3 -m venv "$cache/venv"
  "$python" -m pip install -q --disable-pip-version-check h11==0.16.0
fi

sum=$(cat main.go go.mod | sha256sum | cut -c1-16)
binary="$cache/go-judge-$sum"
[ -x "$binary" ] || go build -o "$binary" .

echo "$python $PWD/judge.py"
echo "$binary"
