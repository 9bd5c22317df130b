# Test Go packages of the module in the current folder. go test's events, and the lines that it
# prints otherwise, go to $REPORT/go.json.
# Arguments: options of "go test" and packages. $SECONDS_LEFT: time limit of all tests.
go test -json -count=1 -timeout "$((SECONDS_LEFT / 2))s" "$@" > "$REPORT/go.json" 2> "$TMPDIR/go"
code=$?
cat "$TMPDIR/go"
cat "$TMPDIR/go" >> "$REPORT/go.json"
[ $code -eq 0 ] || exit 1
