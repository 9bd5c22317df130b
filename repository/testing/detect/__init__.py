"""Read from a repository's files how its tests are run and what they need."""
