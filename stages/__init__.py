"""The stages, in the order they run."""
