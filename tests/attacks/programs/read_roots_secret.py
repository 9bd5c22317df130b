"""Read a file of root's, mode 0600, and one below a folder that is root's alone."""

from attack import OUTSIDE, attempt, verdict

verdict(any(attempt(open, path) for path in (OUTSIDE["secret"], "/etc/shadow")))
