# Test Go packages of the module in the current folder. go test's events, and the lines that it
# prints otherwise, go to $REPORT/go.json.
# Arguments: options of "go test" and packages. $SECONDS_LEFT: time limit of all tests.
# $GO_COVERAGE, if set: the file to which profiles of all packages are added.
profile=
[ -n "$GO_COVERAGE" ] && profile="-coverpkg=./... -coverprofile=$TMPDIR/cover"
# shellcheck disable=SC2086 # two options or none
go test $profile -json -count=1 -timeout "$((SECONDS_LEFT / 2))s" "$@" > "$REPORT/go.json" 2> "$TMPDIR/go"
code=$?
cat "$TMPDIR/go"
cat "$TMPDIR/go" >> "$REPORT/go.json"
[ -n "$profile" ] && cat "$TMPDIR/cover" >> "$GO_COVERAGE"
[ $code -eq 0 ] || exit 1
