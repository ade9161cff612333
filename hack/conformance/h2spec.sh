#!/usr/bin/env bash
# Builds h2spec, the conformance suite of HTTP/2, outside the tree; prints its command. Safe to run again. Its module
# refuses `go install` with a version, so that it is built as a dependency.
set -euo pipefail

cache="${EASEGRESS_CACHE:-$HOME/.cache/easegress}/h2spec"
mkdir -p "$cache"
cd "$cache"

if ! [ -x h2spec ]; then
  cat >go.mod <<'MOD'
module easegress/h2spec

go 1.21

require github.com/summerwind/h2spec v2.2.1+incompatible
MOD
  go build -mod=mod -o h2spec github.com/summerwind/h2spec/cmd/h2spec >&2
fi

echo "$cache/h2spec"
