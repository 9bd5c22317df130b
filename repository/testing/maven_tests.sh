# Test a Maven build. Arguments: options of mvn. $SECONDS_LEFT: time limit of all tests.
REPORT_FOLDERS='*/target/surefire-reports'
remove_reports
mvn -B -q -o -s "$KEPT/settings.xml" -Dmaven.repo.local="$KEPT/m2" --fail-at-end \
  -DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false -DtrimStackTrace=false \
  -Dsurefire.timeout="$((SECONDS_LEFT / 2))" test "$@" > "$TMPDIR/maven" 2>&1
code=$?
cat "$TMPDIR/maven"
# Modules that failed for another reason than a failed test, by their folders. The root is left
# out: its tests' ids name no module.
folder_of() {
  find . -mindepth 2 -name pom.xml -not -path '*/target/*' | while IFS= read -r pom; do
    name=$(tr '\n' ' ' < "$pom" | sed 's#<parent>.*</parent>##; s#<artifactId>#\n#g' |
      sed -n '2s#</artifactId>.*##p' | tr -d ' ')
    folder=${pom#./}
    [ "$name" = "$1" ] && echo "${folder%/pom.xml}"
  done | head -n 1
}
broken=$(grep 'Failed to execute goal' "$TMPDIR/maven" | grep -v 'There are test failures' |
  sed -n 's/.* on project \([A-Za-z0-9._-]*\): .*/\1/p' | sort -u |
  while read -r name; do folder_of "$name"; done)
join_reports "$broken" > "$REPORT/junit.xml"
exit $code
