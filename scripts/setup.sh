#!/usr/bin/env bash
# Makes .venv from the hashed locks and a wheelhouse for the tests; says what is missing, and how to get it.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
say() { printf '%s\n' "$*" >&2; }

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
  say "Python 3.11 or newer is needed ('$PYTHON' is not): apt-get install python3, or make PYTHON=/path/to/python3.11"; exit 1; }

missing=()
command -v git >/dev/null || missing+=(git)
command -v bwrap >/dev/null || missing+=(bubblewrap)
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing Debian packages: ${missing[*]}"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    say "missing: ${missing[*]}. As root: apt-get install ${missing[*]}"; exit 1
  fi
fi

say "making .venv ..."
[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
if [ ! -x .venv/bin/uv ]; then
  # pip checks every hash of the lock it is given, so uv is taken out of the lock by its own lines.
  awk '/^[a-z0-9]/{on=0} /^uv==/{on=1} on' requirements/dev.txt > .venv/uv.txt
  .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --only-binary :all: -r .venv/uv.txt
fi
VIRTUAL_ENV="$PWD/.venv" .venv/bin/uv pip sync -q --require-hashes --only-binary :all: requirements/dev.txt
VIRTUAL_ENV="$PWD/.venv" .venv/bin/uv pip install -q --no-deps --no-build-isolation -e .
.venv/bin/python -m pip download -qq --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -d .wheelhouse -r requirements/wheelhouse.txt
touch .venv/.installed
