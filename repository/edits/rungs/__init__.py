"""The rungs of the ladder: rules for locating an edit's lines, each more lenient than the last."""
