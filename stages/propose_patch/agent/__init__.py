"""The strategy ``agent``: a loop in which the model works in a workspace that lasts.

reply ──read_calls──▶ calls, in order ──workspace──▶ observations ──stored──▶ next request
"""
