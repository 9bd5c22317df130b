"""A proxy to the package index: the only network access while packages are installed."""
