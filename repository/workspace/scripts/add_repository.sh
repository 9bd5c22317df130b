# Give the tree (the current folder) its repository, and record the tree as it is then.
# Arguments: the seed's folder; the folder for the record; the time that all files get, in seconds
# since the epoch, so that a listing is the same on any machine.
set -eu
seed=$1
record=$2
seconds=$3

rm -rf .git
cp -R "$seed/repository" .git
git reset --quiet
git update-index -q --refresh || true
git reset --quiet --hard # installing may have changed tracked files
rm -rf .git/logs .git/ORIG_HEAD
find . -path ./.git -prune -o -print0 | xargs -0 touch -h -d "@$seconds"
git update-index -q --refresh

# Files that installing created are not part of a change.
git ls-files --others --exclude-standard --directory -z \
    | sed -z -e 's/[][\\*?]/\\&/g' -e 's/ $/\\ /' -e 's|^|/|' | tr '\0' '\n' >>.git/info/exclude

cp -R "$seed/record/." "$record"
cp .git/info/exclude "$record/info/exclude"
# Without submodules: their folders are empty.
git ls-files --stage -z | sed -z -e '/^160000 /d' -e 's/^[^\t]*\t//' >"$record/tracked"
# Git compares a link with its recorded object, so links need one.
git ls-files --stage -z | sed -z -n -e 's/^120000 [^\t]*\t//p' >"$record/links"
export GIT_DIR="$record" GIT_WORK_TREE=.
git update-index --add -z --stdin <"$record/links"
git update-index --add --info-only -z --stdin <"$record/tracked"
