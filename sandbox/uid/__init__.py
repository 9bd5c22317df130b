"""The sandbox for machines without user namespaces: commands run as other user ids, started by a
root helper.
"""
