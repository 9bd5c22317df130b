# Print the path of the file that a path leads to, whether it exists or not. Argument: the path.
exec realpath -mz -- "$1" 2>/dev/null
