"""What there is to know about the runs in a store: which run is meant, and everything about one."""
