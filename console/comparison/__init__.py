"""Two template sets compared on the same issues: statistics, and a page for colleagues."""
