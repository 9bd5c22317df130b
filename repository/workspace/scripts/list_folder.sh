# Print the entries of a folder, two levels deep, as a type and a path, each ending with a NUL.
# Argument: the folder. The exit codes are those of files.py.
exec 2>/dev/null
[ -e "$1" ] || exit 44
[ -d "$1" ] || exit 45
[ -r "$1" ] || exit 47
cd -- "$1" || exit 47
exec find . -mindepth 1 -maxdepth 2 -name .git -prune -o -mindepth 1 -printf '%y%P\0'
