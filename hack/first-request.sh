#!/usr/bin/env bash
# How long a newcomer waits: clone, install with an empty npm cache, start, first proxied request. Prints the seconds.
set -euo pipefail

source=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
work=$(mktemp -d)
pid=''
cleanup() {
  if [ -n "$pid" ]; then kill -INT "-$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

began=$(date +%s)
git clone -q "$source" "$work/clone"
cd "$work/clone"
if ! npm ci --cache "$work/cache" >"$work/out" 2>&1; then
  echo "npm ci failed:" >&2
  cat "$work/out" >&2
  exit 1
fi
set -m
npm start >"$work/out" 2>&1 &
pid=$!
set +m
for _ in $(seq 1 1200); do
  if curl -sf -m 2 -o /dev/null http://127.0.0.1:8080/; then
    echo "first proxied request after $(($(date +%s) - began)) s"
    exit 0
  fi
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.1
done
echo "no request was answered:" >&2
cat "$work/out" >&2
exit 1
