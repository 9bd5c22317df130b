"""Load a repository's tests after the installation, and install what is still missing."""
