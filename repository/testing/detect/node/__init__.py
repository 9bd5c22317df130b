"""Detect how packages of JavaScript and TypeScript are tested, from their package.json files."""
