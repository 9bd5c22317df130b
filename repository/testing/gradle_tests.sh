# Test a Gradle build. Arguments: options of gradle. $SECONDS_LEFT: time limit of all tests.
REPORT_FOLDERS='*/build/test-results/*'
remove_reports
timeout "$((SECONDS_LEFT * 9 / 10))" gradle --offline --no-daemon --continue --console=plain \
  test "$@" > "$TMPDIR/gradle" 2>&1
code=$?
cat "$TMPDIR/gradle"
# Modules with a failed task other than a test task, such as compileTestJava, by their folders. The
# root is left out: its tests' ids name no module.
broken=$(sed -n "s/^Execution failed for task '\(.*\):\([A-Za-z0-9]*\)'\..*/\1 \2/p" "$TMPDIR/gradle" |
  grep -vi 'test$' | sed 's/ .*//; s/^://; s/[^A-Za-z0-9._:-]//g; s#:#/#g; /^$/d' | sort -u)
join_reports "$broken" > "$REPORT/junit.xml"
[ $code -eq 124 ] && exit 2 # time ran out
exit $code
