# Functions that collect the JUnit XML reports of a build with several modules.
# $REPORT_FOLDERS: pattern of the paths of report folders.

# Remove reports of earlier runs: code that does not compile must have none.
remove_reports() {
  find . -type d -path "$REPORT_FOLDERS" -prune -exec rm -rf {} +
}

escape() {  # text of an XML attribute
  printf %s "$1" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/"/\&quot;/g'
}

# Join the reports into one document that names each report's module (its folder).
# $1: names of modules that could not be built or tested as a whole, one a line.
join_reports() {
  echo '<testsuites>'
  find . -type f -path "$REPORT_FOLDERS/TEST-*.xml" | while IFS= read -r file; do
    module=${file%%/target/*}
    module=${module%%/build/*}
    module=${module#.}
    echo "<testsuites module=\"$(escape "${module#/}")\">"
    sed 's/<?xml[^>]*?>//' "$file"
    echo '</testsuites>'
  done
  echo "$1" | while IFS= read -r module; do
    [ -n "$module" ] || continue
    echo "<testcase name=\"$(escape "$module")\">"
    echo '<error message="it could not be built or tested"/></testcase>'
  done
  echo '</testsuites>'
}
