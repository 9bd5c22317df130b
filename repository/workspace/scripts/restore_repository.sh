# Give the tree (the current folder) a repository again: the history up to the base commit, with an
# index as of it. The files stay as they are. Nothing is done if git takes what is there for one.
# Arguments: the seed's folder; the folder of the record. The exit codes are those of repair.py.
set -eu
git rev-parse --resolve-git-dir .git >/dev/null 2>&1 && exit 10
chmod -R u+rwX .git 2>/dev/null || true
rm -rf .git
cp -R "$1/repository" .git
cp "$2/info/exclude" .git/info/exclude
git read-tree HEAD
