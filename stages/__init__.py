"""The stages of a run: pipeline.py has them in the order they run."""
