"""Prompt templates, their loader and their lint. The only I/O here is reading template files."""

from prompts.lint import Finding, lint
from prompts.template_set import TemplateError, TemplateSet

__all__ = ["Finding", "TemplateError", "TemplateSet", "lint"]
