# Print how the tree (the current folder) differs from its record: git's raw differences of the
# recorded files, an empty name, the new files that are not ignored, an empty name, and the folders
# that can't be read, which git does not report; all end with a NUL. find's exit code 1 means that it
# could not read some folders.
# Argument: the folder of the record.
set -eu
exec 2>"$1/errors"
pipe=$(find . -type p '(' -name .gitignore -o -name .gitattributes ')' -print -quit) || [ $? -eq 1 ]
if [ -n "$pipe" ]; then # git would wait forever for someone to write to it
    printf '%s is a pipe' "${pipe#./}"
    exit 3
fi
export GIT_DIR="$1" GIT_WORK_TREE=.
git update-index -q --refresh || true
git diff-files -z --no-abbrev --ignore-submodules=all
printf '\0'
git ls-files --others --exclude-standard -z
printf '\0'
find . -name .git -prune -o -type d '(' ! -readable -o ! -executable ')' -prune -print0 || [ $? -eq 1 ]
