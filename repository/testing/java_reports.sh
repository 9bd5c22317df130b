# Functions that collect the JUnit XML reports of a build with several modules.
# $REPORT_FOLDERS: pattern of the paths of report folders.

# Remove reports of earlier runs: code that does not compile must have none.
remove_reports() {
  find . -type d -path "$REPORT_FOLDERS" -prune -exec rm -rf {} +
}

# Join the reports into one document that names each report's module (its folder).
# Arguments: names of modules that could not be built or tested as a whole.
join_reports() {
  echo '<testsuites>'
  find . -type f -path "$REPORT_FOLDERS/TEST-*.xml" | while read -r file; do
    module=${file%%/target/*}
    module=${module%%/build/*}
    module=${module#.}
    echo "<testsuites module=\"${module#/}\">"
    sed 's/<?xml[^>]*?>//' "$file"
    echo '</testsuites>'
  done
  for module in "$@"; do
    echo "<testcase name=\"$module\"><error message=\"it could not be built or tested\"/></testcase>"
  done
  echo '</testsuites>'
}
