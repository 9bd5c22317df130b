"""Failures of the machine and of AWS as messages: a traceback would not help the person."""

import errno
import sqlite3

from cli.aws import explain_aws_error

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
#: A damaged or locked file. Their other subclasses are defects of a query.
_STORE_FAILURES = (sqlite3.DatabaseError, sqlite3.OperationalError)


def explain_failure(error: Exception) -> str | None:
    """Return what has failed, in a sentence; None if it is anything else, such as a defect."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return f"a file can't be written: {error.strerror}"
    if type(error) in _STORE_FAILURES:
        return f"the store can't be read: {error}"
    return explain_aws_error(error)
