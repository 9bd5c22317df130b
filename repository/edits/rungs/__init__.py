"""The rungs of the ladder: rules that locate an edit's lines, some more lenient than others."""
