"""GitHub's webhook: an event on GitHub becomes a job, or the cancellation of one.

``delivery`` checks who sent a request, ``triggers`` decides what its event asks for, ``handler``
does it with the intake's operations. Nothing here runs a job.
"""
