"""The shared look of all HTML: one style sheet, one layout, diffs and bars."""
