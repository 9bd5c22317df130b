"""The job queue and its dead-letter queue, as commands and the web console look at them."""
