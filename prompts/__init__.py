"""Prompt templates, their loader and their lint. The only I/O here is reading template files.

Nothing is imported here: most of the service uses only the filters, which need no templates.
"""
