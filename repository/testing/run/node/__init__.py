"""Run the tests of packages of JavaScript and TypeScript by their own scripts' commands."""
