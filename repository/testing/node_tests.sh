# Run Node.js test files one by one with its built-in runner, and join their reports.
# Arguments: the test files (default: all). $REPORT: the folder for the report.
# $EACH_MS: time limit of one test, in milliseconds.
if [ $# -eq 0 ]; then
  IFS='
'
  set -f
  set -- $(find . -name node_modules -prune -o -type f \( \
    -name '*.test.[cm]js' -o -name '*.test.[jt]s' -o -name '*.spec.[jt]s' \
    -o -path '*/test/*.[jt]s' -o -path '*/test/*.[cm]js' \
    -o -path '*/tests/*.js' -o -path '*/__tests__/*.js' \
    \) -print | sed 's|^\./||' | sort)
  unset IFS
fi
code=0
echo '<testsuites>' > "$REPORT/junit.xml"
for file in "$@"; do
  node --test --test-timeout=$EACH_MS --test-reporter=junit \
    --test-reporter-destination=/tmp/one.xml "$file" || code=1
  {
    echo "<testsuite name=\"$file\">"
    sed 's/<?xml[^>]*?>//' /tmp/one.xml
    echo '</testsuite>'
  } >> "$REPORT/junit.xml"
done
echo '</testsuites>' >> "$REPORT/junit.xml"
exit $code
