"""What can be known of a stranger's repository, and what is done to it."""
