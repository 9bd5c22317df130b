"""Read a file of root's, mode 0600, and one below a folder that is root's alone."""

from attack import OUTSIDE, succeeds, verdict

verdict(any(succeeds(open, path) for path in (OUTSIDE["secret"], "/etc/shadow")))
