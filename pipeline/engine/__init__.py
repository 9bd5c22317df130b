"""Run the stages of one job: the loop, its checkpoints, its end."""
