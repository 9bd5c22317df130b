# Write a file, with the folders above it. Arguments: its path; the file with its content.
set -eu
folder=${1%/*}
mkdir -p -- "${folder:-/}"
exec cat -- "$2" >"$1"
