"""The languages of code blocks that are shown: an unknown one could be an instruction."""

_LANGUAGES_NAMES = """
    asm awk bash bat batch bibtex c c# c++ clj clojure cmake cmd coffee console cpp cs csharp css
    csv cuda cxx cython d dart diff docker dockerfile elixir elm env erlang ex f90 fish fortran
    fsharp gdscript geojson gherkin git gitignore glsl go golang gradle graphql groovy h haskell
    hcl hpp hs html http ini java javascript jinja jinja2 jl js json json5 jsonc jsx julia kotlin
    kt latex less lisp log lua make makefile markdown math matlab md mermaid nginx nim nix objc
    objective-c ocaml output pascal patch perl php pl plaintext powershell prolog properties
    proto protobuf ps1 py py3 pycon pytb python python3 python-repl r racket rb rake rego rs rst
    ruby rust sass scala scheme scss sh shell shell-session sol solidity sql stacktrace stl svelte
    swift systemverilog tcl terraform tex text tf topojson toml traceback ts tsx txt typescript
    vb verilog vhdl vim vue wasm xml yaml yml zig zsh
"""
LANGUAGES = frozenset(_LANGUAGES_NAMES.split())

DIAGRAMS = frozenset({"geojson", "mermaid", "stl", "topojson"})
"""GitHub shows them as pictures:
https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/creating-diagrams."""
