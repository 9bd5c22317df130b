"""Whether the tests that ran cover what a change changes."""
