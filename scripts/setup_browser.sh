#!/usr/bin/env bash
# Installs what make test-browser needs: Debian's Chromium, and the client and checks of requirements/browser.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf '%s\n' "$*" >&2; }

if ! command -v chromium >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing Debian packages: chromium fonts-dejavu-core"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
  else
    say "missing: chromium. As root: apt-get install chromium fonts-dejavu-core"; exit 1
  fi
fi
VIRTUAL_ENV="$PWD/.venv" .venv/bin/uv pip install -q --require-hashes --only-binary :all: -r requirements/browser.txt
touch .venv/.browser
