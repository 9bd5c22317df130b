"""Prompt templates, their loader and their lint. Nothing here does I/O but reading files."""

from prompts.lint import Finding, lint
from prompts.template_set import TemplateError, TemplateSet

__all__ = ["Finding", "TemplateError", "TemplateSet", "lint"]
