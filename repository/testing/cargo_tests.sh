# Test the Cargo package or workspace in the current folder. Everything that cargo and the tests
# print goes to $REPORT/cargo.txt, with lines of our own that begin with @@.
# Arguments: options of "cargo test"; ./FOLDER selects the package in it (default: all packages).
# $SECONDS_LEFT: time limit of all tests.
out=$REPORT/cargo.txt
root=$PWD
scope=--workspace
for argument in "$@"; do
  shift
  case $argument in
  ./*)
    scope=
    set -- "$@" -p "file://$root/${argument#./}"
    ;;
  --test)
    scope=
    set -- "$@" "$argument"
    ;;
  *) set -- "$@" "$argument" ;;
  esac
done

# Cargo calls this program for each test executable, with the package's variables. Doc tests are
# run by rustdoc, and are lines of its output.
cat > "$TMPDIR/run-target" <<'RUN_TARGET'
case $1 in
*/deps/*) ;;
*) exec "$@" ;;
esac
folder=${CARGO_MANIFEST_DIR#"$WORKSPACE_ROOT"}
echo "@@ package ${folder#/}"
end=$(($(date +%s) + TARGET_SECONDS))
timeout "$TARGET_SECONDS" "$@" 2> "$TMPDIR/stderr"
code=$?
case $code in
0 | 101 | 124) ;;
*)
  # A crash ends all tests of the executable, in any order: run each in a process of its own.
  timeout "$TARGET_SECONDS" "$1" --list 2> /dev/null | sed -n 's/: test$//p' > "$TMPDIR/names"
  [ -s "$TMPDIR/names" ] && echo "@@ crashed"
  while read -r name; do
    [ "$(date +%s)" -ge "$end" ] && code=124 && break
    timeout "$TARGET_SECONDS" "$1" --exact "$name" 2> "$TMPDIR/crash" < /dev/null
    single=$?
    [ $single -eq 0 ] || [ $single -eq 101 ] && continue
    echo "test $name ... FAILED"
    echo "---- $name stdout ----"
    tail -c 2000 "$TMPDIR/crash"
  done < "$TMPDIR/names"
  ;;
esac
echo "@@ exit $code"
tail -c 2000 "$TMPDIR/stderr"
echo "@@ end"
[ $code -eq 0 ] || exit 101
RUN_TARGET
host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
export "CARGO_TARGET_${host}_RUNNER=sh $TMPDIR/run-target"
export WORKSPACE_ROOT="$root" TARGET_SECONDS=$((SECONDS_LEFT / 2)) RUST_TEST_THREADS=2

test_packages() {
  cargo test --offline --no-fail-fast "$@" >> "$out" 2>&1
}

test_packages $scope "$@"
code=$?
if grep -q '^error: could not compile' "$out" && ! grep -q '^@@ package' "$out"; then
  # Cargo named the targets that it got to, and runs nothing if one does not compile.
  cargo build --tests --keep-going --offline $scope "$@" > "$out" 2>&1
  cargo metadata --offline --no-deps --format-version 1 2> /dev/null |
    sed -n 's/.*"workspace_members":\[\([^]]*\)\].*/\1/p' | tr -d '"' | tr , '\n' > "$TMPDIR/members"
  while read -r member rest; do
    place="$member $rest"
    folder=${place#*path+file://}
    folder=${folder%%[#)]*}
    name=${member##*#}
    name=${name%@*}
    case $member in
    *#[0-9]*.*.*) name=${folder##*/} ;; # the fragment is only a version
    esac
    folder=${folder#"$root"}
    echo "@@ member $name ${folder#/}" >> "$out"
    [ -z "$scope" ] || test_packages -p "$member" "$@" < /dev/null
  done < "$TMPDIR/members"
fi
cat "$out"
[ $code -eq 101 ] && exit 1
exit $code
