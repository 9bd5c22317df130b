# Make an interpreter the first on PATH under its usual names.
# Arguments: the folder of the environment; the interpreter.
set -eu
mkdir -p "$1/bin"
ln -s "$2" "$1/bin/python"
ln -s "$2" "$1/bin/python3"
