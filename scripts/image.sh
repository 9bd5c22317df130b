#!/usr/bin/env bash
# image.sh build: builds the image with docker where an engine answers, else with buildah on a Debian base made here.
# image.sh check: runs --help, doctor, and a test suite in its sandbox, each as its own user.
# Set IMAGE (its name), BASE_IMAGE, PYTHONS (a folder like pyenv's versions/, instead of downloads), PYTHON_VERSIONS.
set -euo pipefail
cd "$(dirname "$0")/.."
IMAGE=${IMAGE:-coding-agent}
MIRROR=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Release: bookworm' 2>/dev/null | head -1)}
HOME_OF_IMAGES="$PWD/.image"
say() { printf '%s\n' "$*" >&2; }

engine() {
  if docker info >/dev/null 2>&1; then echo docker; else echo buildah; fi
}

buildah() {  # chroot: needs no user namespaces, no cgroups and no overlay file system
  command buildah --root "$HOME_OF_IMAGES/storage" --runroot "$HOME_OF_IMAGES/run" --storage-driver vfs "$@"
}

need_buildah() {
  local missing=()
  command -v buildah >/dev/null || missing+=(buildah)
  [ -n "${BASE_IMAGE:-}" ] || command -v debootstrap >/dev/null || missing+=(debootstrap)
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "no docker engine answers; installing Debian packages: ${missing[*]}"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    say "no docker engine answers, and without one ${missing[*]} is missing. As root: apt-get install ${missing[*]}"; exit 1
  fi
}

base_image() {
  [ -z "${BASE_IMAGE:-}" ] || { echo "$BASE_IMAGE"; return; }
  [ -n "$MIRROR" ] || { say "this machine's apt names no bookworm repository: set DEBIAN_MIRROR or BASE_IMAGE"; exit 1; }
  MIRROR=${MIRROR%/}
  if ! buildah images --quiet localhost/debian-bookworm 2>/dev/null | grep -q .; then
    say "making a Debian base (a minute) ..."
    rm -rf "$HOME_OF_IMAGES/debian"
    debootstrap --variant=minbase bookworm "$HOME_OF_IMAGES/debian" "$MIRROR" >"$HOME_OF_IMAGES/debootstrap.log"
    printf 'deb %s bookworm main\ndeb %s bookworm-updates main\ndeb %s-security bookworm-security main\n' \
      "$MIRROR" "$MIRROR" "$MIRROR" > "$HOME_OF_IMAGES/debian/etc/apt/sources.list"
    local container; container=$(buildah from scratch)
    buildah add --quiet "$container" "$HOME_OF_IMAGES/debian" / >/dev/null
    buildah commit --quiet --format docker "$container" localhost/debian-bookworm >/dev/null
    buildah rm "$container" >/dev/null
    rm -rf "$HOME_OF_IMAGES/debian"
  fi
  echo localhost/debian-bookworm
}

secrets() {  # this machine's settings for pip and uv, and its certificates: read by the build, kept by no layer
  (umask 077
   { env | grep -E '^(UV_(DEFAULT_INDEX|INDEX_URL|FIND_LINKS|PYTHON_INSTALL_MIRROR)|PIP_(INDEX_URL|DEFAULT_TIMEOUT))=' || true; } |
     sed "s/'/'\\\\''/g; s/=\(.*\)/='\1'/" > "$HOME_OF_IMAGES/network"
   cat "${SSL_CERT_FILE:-/dev/null}" > "$HOME_OF_IMAGES/ca")
  echo --secret "id=network,src=$HOME_OF_IMAGES/network" --secret "id=ca,src=$HOME_OF_IMAGES/ca"
}

build() {
  mkdir -p "$HOME_OF_IMAGES"
  trap 'rm -f "$HOME_OF_IMAGES/network" "$HOME_OF_IMAGES/ca"' EXIT
  local options=(--build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" --tag "$IMAGE")
  local pythons=${PYTHONS:-}
  if [ "$(engine)" = buildah ]; then
    need_buildah
    if [ -z "$pythons" ] && [ -d "$HOME/.pyenv/versions" ]; then
      pythons="$HOME/.pyenv/versions"; say "interpreters: those of $pythons (set PYTHONS to a folder, or to download for uv's)"
    fi
  fi
  if [ -n "$pythons" ] && [ "$pythons" != download ]; then options+=(--build-context "pythons=$pythons"); fi
  [ -z "${PYTHON_VERSIONS:-}" ] || options+=(--build-arg "PYTHON_VERSIONS=$PYTHON_VERSIONS")
  # shellcheck disable=SC2207 # no word of it holds a space
  options+=($(secrets))
  if [ "$(engine)" = docker ]; then
    [ -z "${BASE_IMAGE:-}" ] || options+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
    docker build "${options[@]}" .
    say "$IMAGE: $(($(docker image inspect --format '{{.Size}}' "$IMAGE") / 1000000)) MB"
  else
    options+=(--build-arg "BASE_IMAGE=$(base_image)")
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' > "$HOME_OF_IMAGES/policy.json"
    buildah build --isolation chroot --format docker --pull-never --signature-policy "$HOME_OF_IMAGES/policy.json" "${options[@]}" .
    say "$IMAGE: $(buildah images --format '{{.Size}}' "localhost/$IMAGE" | head -1)"
  fi
}

# The sandbox's container and the worker's share two folders, as in an ECS task; with buildah one container is both, since
# vfs copies the whole image for each. $1: user, $2...: the command.
inside() {
  local options=(--user "$1" --env CODING_AGENT_SANDBOX=uid); shift
  if [ -n "$CONTAINER" ]; then
    buildah run --isolation chroot "${options[@]}" "$CONTAINER" -- "$@"
  else
    docker run --rm --interactive --init --read-only --network none "${options[@]}" -v "$CHECK/data:/var/lib/coding-agent" \
      -v "$CHECK/run:/run/coding-agent" --entrypoint "$1" "$IMAGE" "${@:2}"
  fi
}

check() {
  CHECK="$HOME_OF_IMAGES/check" CONTAINER="" HELPER=""
  trap '[ -z "$HELPER" ] || kill -- "-$HELPER" 2>/dev/null || true; [ -z "$CONTAINER" ] || buildah rm "$CONTAINER" >/dev/null' EXIT
  [ "$(engine)" = docker ] || CONTAINER=$(buildah from --pull-never "localhost/$IMAGE")
  rm -rf "$CHECK"
  mkdir -p "$CHECK/files/repo/tests" "$CHECK/data" "$CHECK/run"
  cat > "$CHECK/files/bug.md" <<'TEXT'
# add() subtracts

`add(2, 3)` gives -1 in calc.py; it should give 5.
TEXT
  printf 'def add(a, b):\n    return a - b\n' > "$CHECK/files/repo/calc.py"
  touch "$CHECK/files/repo/tests/__init__.py"
  cat > "$CHECK/files/repo/tests/test_calc.py" <<'TEXT'
import os
import unittest

import calc


class CalcTest(unittest.TestCase):
    def test_the_sandbox_has_a_user_of_its_own(self):
        self.assertNotIn(os.getuid(), (0, 10001))
TEXT
  cat > "$CHECK/files/reply.md" <<'TEXT'
calc.py
<<<<<<< SEARCH
    return a - b
=======
    return a + b
>>>>>>> REPLACE

tests/test_calc.py
<<<<<<< SEARCH
class CalcTest(unittest.TestCase):
=======
class CalcTest(unittest.TestCase):
    def test_add(self):
        self.assertEqual(calc.add(2, 3), 5)

>>>>>>> REPLACE
TEXT
  chown 10001:10001 "$CHECK/data" 2>/dev/null || chmod 0777 "$CHECK/data"
  chmod 0711 "$CHECK/run"

  local begun; begun=$(date +%s%N)
  inside 10001:10001 coding-agent --help >/dev/null
  say "coding-agent --help: ok, $((($(date +%s%N) - begun) / 1000000)) ms with its container's start"
  inside 10001:10001 sh -c 'coding-agent doctor; test $? -le 2 && id -u | grep -qx 10001' >"$CHECK/doctor.txt" || {
    cat "$CHECK/doctor.txt"; say "doctor failed"; exit 1; }
  say "coding-agent doctor: ok, as $(inside 10001:10001 id -un)"

  mkfifo "$CHECK/said"
  set -m  # a process group of its own, to be ended as a whole
  inside 0:0 coding-agent sandbox serve --worker 10001 >"$CHECK/said" 2>"$CHECK/sandbox.log" &
  HELPER=$!
  set +m
  exec 3<"$CHECK/said"
  local ready=""
  read -rt 120 -u 3 ready || true
  [ "$ready" = ready ] || { cat "$CHECK/sandbox.log"; say "the sandbox does not serve"; exit 1; }
  # Its folder has to be where both containers see it.
  inside 10001:10001 env TMPDIR=/var/lib/coding-agent coding-agent sandbox check || { say "the sandbox does not hold"; exit 1; }
  tar -C "$CHECK/files" -cf - . | inside 10001:10001 tar -C /var/lib/coding-agent --no-same-owner -xf -
  inside 10001:10001 sh -ec 'cd ~/repo && git init -q -b main && git add -A &&
    git -c user.name=a -c user.email=a@b commit -qm first &&
    coding-agent fix --repo . --issue-file ../bug.md --model scripted:../reply.md --json' | tee "$CHECK/fix.json"
  grep -q '"verification": *"red to green"' "$CHECK/fix.json" || { say "the suite did not turn from red to green"; exit 1; }
  say "a test suite in the sandbox: red to green"
}

case ${1:-} in
  build) build ;;
  check) check ;;
  *) say "usage: image.sh build|check"; exit 2 ;;
esac
