# Write a file, with the folders above it. Arguments: its path; the file with its content.
set -eu
mkdir -p -- "$(dirname -- "$1")"
cat -- "$2" >"$1"
