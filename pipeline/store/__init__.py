"""What is known of jobs and runs. Every write about a run carries its lease."""
