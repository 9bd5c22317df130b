"""The only way out while packages are installed: a proxy to the package index."""
