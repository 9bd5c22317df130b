"""Check that untrusted text is framed, by walking a template's syntax tree.

Templates are written in a small subset of Jinja, so that both a person and this walk can follow
every text to its output: output, ``if``, ``for``, ``include``, expressions without calls, and the
filters named below. Anything else is reported.

A prompt is read by a model: ``fenced``, ``code`` or ``quoted`` must be the last filter, because a
filter after it could cut the frame. A pull request is read by GitHub: ``inert`` (or ``bullets``,
which applies it) must be among the filters, followed only by filters that make nothing active.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from jinja2 import nodes

from prompts.schema import Shape
from prompts.template_set import SUFFIX

Reader = Literal["model", "github"]
Report = Callable[[str, int, str], None]
"""Takes the template's name, the line and the message."""

MAX_STEPS = 50_000
"""Nodes visited in one template; included templates count each time."""

TEXT = Shape("str")
NUMBER = Shape("int")
UNTRUSTED = Shape("str", untrusted=True)

#: Filters that frame untrusted text, for each reader.
FRAMES: dict[Reader, tuple[str, ...]] = {
    "model": ("fenced", "code", "quoted"),
    "github": ("inert", "bullets"),
}
#: Filters that preserve a frame. In a prompt the frame is a delimiter, which clipping would cut;
#: ``inert`` changes each active character, so any part of the text stays inert; but not in another
#: place: after ``clip`` or ``wordwrap``, what was in the middle of a line may begin one.
KEEP_FRAME: dict[Reader, tuple[str, ...]] = {
    "model": ("trim", "string"),
    "github": (
        "capitalize",
        "code",
        "fenced",
        "indent",
        "inert",
        "lower",
        "one_line",
        "quoted",
        "string",
        "title",
        "trim",
        "truncate",
        "upper",
    ),
}
_TO_TEXT = ("clip", "wordwrap", "format", "join", "replace", *KEEP_FRAME["github"])
_TO_NUMBER = ("abs", "count", "float", "int", "length", "round", "sum", "wordcount")
_TO_ITEM = ("first", "last", "max", "min")
_SAME_SHAPE = ("list", "reverse", "sort", "unique")

_LOOP_NUMBERS = ("index", "index0", "revindex", "revindex0", "first", "last", "length")
_LOOP = Shape("object", fields=dict.fromkeys(_LOOP_NUMBERS, NUMBER))
"""The variable ``loop``, https://jinja.palletsprojects.com/en/stable/templates/#for"""


class TooComplex(ValueError):
    """The template takes more than ``MAX_STEPS`` steps to follow."""


@dataclass(frozen=True)
class Value:
    """What the walk knows about the value of an expression."""

    shape: Shape
    framed: bool = False
    """Whether a filter has framed the untrusted text in it."""

    @property
    def bare(self) -> bool:
        return not self.framed and is_untrusted(self.shape)


Scope = Mapping[str, Value]


def is_untrusted(shape: Shape) -> bool:
    """Return whether any part of a value of this shape is untrusted text."""
    if shape.untrusted and shape.kind in ("str", "map"):
        return True
    parts = list(shape.fields.values())
    if shape.item is not None:
        parts.append(shape.item)
    return any(is_untrusted(part) for part in parts)


class FrameChecker:
    """Follows one template and everything it includes.

    ``parse`` returns the syntax tree of a template by name; ``report`` is called for each finding.
    """

    def __init__(self, parse: Callable[[str], nodes.Template], reader: Reader, report: Report):
        self.used: set[str] = set()
        """Names of variables that the template reads."""
        self._parse = parse
        self._reader: Reader = reader
        self._report_finding = report
        self._open: list[str] = []
        """Templates being followed, the innermost last; recursive includes are not followed."""
        self._steps = 0

    def check(self, name: str, variables: Mapping[str, Shape]) -> None:
        """Report every finding in the template ``name``, given its declared variables.

        Raises:
            TooComplex: it can't be followed within ``MAX_STEPS``.
        """
        scope = {}
        for variable, shape in variables.items():
            scope[variable] = self._declared(shape)
        self._follow(name, scope)

    def _follow(self, name: str, scope: Scope) -> None:
        if name in self._open:
            return
        self._open.append(name)
        self._body(self._parse(name).body, scope)
        self._open.pop()

    def _declared(self, shape: Shape, *, framed: bool = False) -> Value:
        """Return a value of a declared shape. Text that is framed for a model is not inert."""
        return Value(shape, framed or (shape.framed and self._reader == "model"))

    def _body(self, body: Iterable[nodes.Node], scope: Scope) -> None:
        for node in body:
            self._count_step()
            match node:
                case nodes.Output():
                    self._output(node, scope)
                case nodes.If():
                    self._if(node, scope)
                case nodes.For(target=nodes.Name(name=variable)):
                    self._for(node, variable, scope)
                case nodes.Include(template=nodes.Const(value=file_name)):
                    self._follow(file_name.removesuffix(SUFFIX), scope)
                case _:
                    self._refuse(node, type(node).__name__.lower())

    def _output(self, output: nodes.Output, scope: Scope) -> None:
        for part in output.nodes:
            if isinstance(part, nodes.TemplateData):
                continue
            value = self._value(part, scope)
            if value.bare:
                self._report_bare(part)

    def _report_bare(self, node: nodes.Expr) -> None:
        if self._reader == "model":
            advice = "end with | fenced, | code or | quoted"
        else:
            advice = "add | inert"
        self._report(node, f"{_name_of(node)} is untrusted text outside a frame: {advice}")

    def _if(self, node: nodes.If, scope: Scope) -> None:
        self._value(node.test, scope)
        self._body(node.body, scope)
        for branch in node.elif_:
            self._if(branch, scope)
        self._body(node.else_, scope)

    def _for(self, node: nodes.For, variable: str, scope: Scope) -> None:
        item = self._part_of(self._value(node.iter, scope))
        inner = {**scope, variable: item, "loop": Value(_LOOP)}
        if node.test is not None:
            self._value(node.test, inner)
        self._body(node.body, inner)
        self._body(node.else_, scope)

    def _value(self, node: nodes.Node, scope: Scope) -> Value:
        """Return what an expression evaluates to, and report what is wrong inside it."""
        self._count_step()
        match node:
            case nodes.Name():
                return self._variable(node, scope)
            case nodes.Getattr():
                return self._field(node, self._value(node.node, scope), node.attr)
            case nodes.Getitem():
                return self._item(node, scope)
            case nodes.Filter() if node.node is not None:
                return self._filter(node, scope)
            case nodes.Call():
                self._refuse(node, "a call")
                return Value(TEXT)
            case nodes.Compare() | nodes.Not() | nodes.Test():
                self._combine(node, scope)
                return Value(NUMBER)
            case nodes.CondExpr():
                return self._conditional(node, scope)
        return self._combine(node, scope)

    def _conditional(self, node: nodes.CondExpr, scope: Scope) -> Value:
        """Return the value of ``a if test else b``; the ``else`` may be missing."""
        self._value(node.test, scope)
        values = [self._value(node.expr1, scope)]
        if node.expr2 is not None:
            values.append(self._value(node.expr2, scope))
        return _worst(values)

    def _combine(self, node: nodes.Node, scope: Scope) -> Value:
        """Return the value made of the parts of ``node``; it is framed only if every part is."""
        parts = []
        for child in node.iter_child_nodes():
            parts.append(self._value(child, scope))
        worst = _worst(parts)
        return Value(_text_like(worst.shape), worst.framed)

    def _variable(self, node: nodes.Name, scope: Scope) -> Value:
        self.used.add(node.name)
        if node.name in scope:
            return scope[node.name]
        self._report(node, f"{node.name!r} is used but not declared")
        return Value(TEXT)

    def _field(self, node: nodes.Expr, base: Value, name: str) -> Value:
        if base.shape.kind == "object":
            if name in base.shape.fields:
                return self._declared(base.shape.fields[name], framed=base.framed)
            self._report(node, f"{_name_of(node)} is used but not declared")
            return Value(TEXT)
        return Value(_text_like(base.shape), base.framed)

    def _item(self, node: nodes.Getitem, scope: Scope) -> Value:
        base = self._value(node.node, scope)
        if not isinstance(node.arg, nodes.Slice):
            self._value(node.arg, scope)
        if base.shape.kind == "object" and isinstance(node.arg, nodes.Const):
            return self._field(node, base, str(node.arg.value))
        if base.shape.kind == "list" and isinstance(node.arg, nodes.Slice):
            return base
        return self._part_of(base)

    def _part_of(self, value: Value) -> Value:
        """Return an item of a list, or a part of a text, which may lack the frame's delimiter."""
        if value.shape.kind == "list":
            return self._declared(_item_of(value.shape), framed=value.framed)
        return Value(_text_like(value.shape), value.framed and self._reader == "github")

    def _filter(self, node: nodes.Filter, scope: Scope) -> Value:
        assert node.node is not None  # noqa: S101 - only a filter block has none
        value = self._value(node.node, scope)
        arguments = [self._value(argument, scope) for argument in node.args]
        arguments += [self._value(pair.value, scope) for pair in node.kwargs]
        if node.name == "map":
            return self._map(node, value, arguments[1:])
        return self._apply(node, node.name, value, arguments)

    def _map(self, node: nodes.Filter, value: Value, arguments: list[Value]) -> Value:
        """Return the value of ``map("filter", argument, ...)`` or ``map(attribute="field")``."""
        item = self._part_of(value)
        for pair in node.kwargs:
            if pair.key == "attribute" and isinstance(pair.value, nodes.Const):
                item = self._field(node, item, str(pair.value.value))
        if node.args and isinstance(node.args[0], nodes.Const):
            item = self._apply(node, str(node.args[0].value), item, arguments)
        return Value(Shape("list", item=item.shape), item.framed)

    def _apply(self, node: nodes.Filter, name: str, value: Value, arguments: list[Value]) -> Value:
        if name in _TO_NUMBER:
            return Value(NUMBER)
        if name in FRAMES[self._reader]:
            return Value(UNTRUSTED, framed=True)
        if name in ("default", "d"):
            return _worst([value, *arguments])
        if name in _SAME_SHAPE and value.shape.kind == "list":
            return value
        if name in _TO_ITEM or name in _SAME_SHAPE:
            return self._part_of(value)
        if name not in _TO_TEXT:
            self._refuse(node, f"the filter {name!r}")
            return Value(TEXT)
        worst = _worst([value, *arguments])
        keeps_frame = name == "join" or name in KEEP_FRAME[self._reader]
        return Value(_text_like(worst.shape), worst.framed and keeps_frame)

    def _refuse(self, node: nodes.Node, construct: str) -> None:
        self._report(node, f"{construct} is not part of the template language")

    def _report(self, node: nodes.Node, message: str) -> None:
        self._report_finding(self._open[-1], node.lineno, message)

    def _count_step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooComplex(f"it takes more than {MAX_STEPS} steps to follow: make it simpler")


def _item_of(shape: Shape) -> Shape:
    """Return the shape of the items of a loop over a value."""
    if shape.item is not None:
        return shape.item
    return _text_like(shape)


def _text_like(shape: Shape) -> Shape:
    return UNTRUSTED if is_untrusted(shape) else TEXT


def _worst(values: list[Value]) -> Value:
    """Return the value to assume for any of ``values``: a bare one before a framed one."""
    for value in values:
        if value.bare:
            return value
    for value in values:
        if is_untrusted(value.shape):
            return value
    return values[0] if values else Value(TEXT)


def _name_of(node: nodes.Node) -> str:
    path = _path_of(node)
    return f"'{path}'" if path else "this"


def _path_of(node: nodes.Node | None) -> str:
    """Return the variable at the root of an expression with its fields, such as ``issue.title``."""
    match node:
        case nodes.Name():
            return str(node.name)
        case nodes.Getattr():
            return f"{_path_of(node.node)}.{node.attr}"
        case nodes.Getitem():
            return f"{_path_of(node.node)}[]"
        case nodes.Filter():
            return _path_of(node.node)
    return ""
