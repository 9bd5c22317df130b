"""The stages of a run; ``order.py`` lists them in the order in which they run."""
