"""The sandbox for machines with user namespaces: bubblewrap."""
