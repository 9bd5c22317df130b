#!/bin/sh
# CPython 3.X for test environments: those of the folder $1, else uv's downloads of $PYTHON_VERSIONS, into $2;
# $2/bin has a link to each.
set -eu
given=$1 into=$2
mkdir -p "$into/bin"
if [ -n "$(ls "$given" 2>/dev/null)" ]; then
  for python in "$given"/*/bin/python3.*; do
    case $python in *[!0-9]) continue ;; esac  # python3.12-config
    case ${python##*/} in python3.?|python3.??) ;; *) continue ;; esac
    cp -a "${python%/bin/*}" "$into/"
  done
else
  # shellcheck disable=SC2086 # one word a version
  uv python install -q --no-bin --install-dir "$into" $PYTHON_VERSIONS
  rm -rf "$into/.temp" "$into/.lock" "$into/.gitignore"
fi
for home in "$into"/*/; do
  home=${home%/}
  for lib in "$home"/lib/python3.*; do
    [ -d "$lib" ] || continue
    # The standard library's own tests, what needs a display, and what somebody installed; test.support stays, suites use it.
    find "$lib/test" -mindepth 1 -maxdepth 1 ! -name support ! -name __init__.py -exec rm -rf {} + 2>/dev/null || true
    rm -rf "$lib/idlelib" "$lib/tkinter" "$lib/turtledemo" "$lib"/lib-dynload/_tkinter* "$lib"/site-packages/*
  done
  find "$home" \( -name '*.a' -o -name '*.opt-[12].pyc' \) -delete
  rm -rf "$home/share" "$home"/lib/tcl* "$home"/lib/tk* "$home"/lib/libt[ck]*
  for python in "$home"/bin/python3.*; do
    case ${python##*/} in python3.*[!0-9]*|*-config) continue ;; esac
    # pyenv's find their library by the place where they were built.
    [ ! -e "$(echo "$home"/lib/libpython3*.so.1.0)" ] || [ -L "$python" ] || patchelf --set-rpath '$ORIGIN/../lib' "$python"
    ln -sf "$python" "$into/bin/${python##*/}"
    "$into/bin/${python##*/}" -c 'import bz2, ctypes, hashlib, lzma, sqlite3, ssl, sys; print(sys.version.split()[0])'
  done
done
