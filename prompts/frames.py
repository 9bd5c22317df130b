"""Where a stranger's text would stand bare in a text: a walk over Jinja's syntax tree with the
types of variables.

A prompt's reader is a model: ``fenced``, ``code`` or ``quoted`` must come last, since what follows
could cut the frame. A pull request's reader is GitHub: ``inert`` must be among the filters, and
nothing that edits the text behind it."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jinja2 import nodes

from prompts.schema import Shape
from prompts.template_set import SUFFIX

Report = Callable[[str, int, str], None]
"""template, line, message"""

MAX_STEPS = 50_000
"""More than that is no template, but a riddle."""
_FRAMES = frozenset({"fenced", "code", "quoted"})
_LEAVE_FRAMES = frozenset({"trim", "string"})
_LEAVE_INERT = (
    _FRAMES
    | _LEAVE_FRAMES
    | {
        "inert",
        "one_line",
        "clip",
        "truncate",
        "indent",
        "wordwrap",
        "lower",
        "upper",
        "title",
        "capitalize",
    }
)
_NUMBERS = frozenset({"length", "count", "wordcount", "int", "float", "round", "abs", "sum"})
_SAME = frozenset(
    {"list", "sort", "unique", "reverse", "select", "reject", "selectattr", "rejectattr"}
)
_ITEM = frozenset({"first", "last", "random", "min", "max"})
_TEXT = Shape("str")
_STRANGE = Shape("str", untrusted=True)
_NUMBER = Shape("int")


class TooTangled(ValueError):
    """There are more ways through the template than can be followed."""


@dataclass(frozen=True)
class Value:
    """What an expression gives. ``frame``: what keeps the stranger's text in it apart."""

    shape: Shape
    frame: Literal["", "inert", "framed"] = ""

    @property
    def bare(self) -> bool:
        return not self.frame and _strange(self.shape)

    def to(self, shape: Shape | None) -> "Value":
        return Value(shape or _TEXT, self.frame)


Scope = dict[str, Value]


class Walk:
    """One template with all that it includes. ``tree_of`` gives the syntax tree of a template."""

    def __init__(
        self,
        tree_of: Callable[[str], nodes.Template],
        reader: Literal["model", "github"],
        report: Report,
        known: Container[str],
    ):
        """``known``: names that need no declaration."""
        self._tree_of = tree_of
        self._reader = reader
        self._report = report
        self._known = known
        self.used = set[str]()
        """Names that were looked up."""
        self._namespaces = set[str]()
        """Those that a stranger's text was put into."""
        self._macros: dict[str, nodes.Macro] = {}
        self._open: list[str] = []
        """Templates and macros that are being walked, so that none is entered within itself."""
        self._template = ""
        self._steps = 0
        self._frame: Literal["inert", "framed"] = "framed" if reader == "model" else "inert"

    def template(self, name: str, scope: Scope) -> None:
        if name in self._open:
            return
        before = self._template
        self._template = name
        self._open.append(name)
        self._visit(self._tree_of(name).body, scope, None)
        self._open.pop()
        self._template = before

    def _visit(self, body: Iterable[nodes.Node], scope: Scope, into: list[Value] | None) -> None:
        """``into`` collects what is put out; without it, it goes into the text."""
        for node in body:
            self._count()
            match node:
                case nodes.Output():
                    for part in node.nodes:
                        if not isinstance(part, nodes.TemplateData):
                            self._put(part, self._value(part, scope), into)
                case nodes.If():
                    ends = list[Scope]()
                    for test, branch in [
                        (node.test, node.body),
                        *((each.test, each.body) for each in node.elif_),
                    ]:
                        self._value(test, scope)
                        ends.append(self._branch(branch, scope, into))
                    ends.append(self._branch(node.else_, scope, into))
                    for name in {name for end in ends for name in end}:
                        scope[name] = _worst([end[name] for end in ends if name in end])
                case nodes.For():
                    over = self._value(node.iter, scope)
                    item = over.to(_item(over.shape))
                    inner = scope | {"loop": item.to(_loop(item.shape))}
                    self._bind(node.target, item, inner)
                    if node.test:
                        self._value(node.test, inner)
                    self._visit(node.body, inner, into)
                    self._visit(node.else_, scope, into)
                case nodes.Assign():
                    self._bind(node.target, self._value(node.node, scope), scope)
                case nodes.AssignBlock():
                    value = self._block(node.body, scope)
                    self._bind(node.target, self._filtered(node.filter, value, scope), scope)
                case nodes.FilterBlock():
                    value = self._filtered(node.filter, self._block(node.body, scope), scope)
                    self._put(node, value, into)
                case nodes.With():
                    inner = dict(scope)
                    for target, given in zip(node.targets, node.values, strict=True):
                        self._bind(target, self._value(given, scope), inner)
                    self._visit(node.body, inner, into)
                case nodes.Macro():
                    self._macros[node.name] = node
                case nodes.CallBlock():
                    self._put(node, self._value(node.call, scope), into)
                    self._visit(
                        node.body, scope | {arg.name: Value(_STRANGE) for arg in node.args}, into
                    )
                case nodes.Include() if isinstance(node.template, nodes.Const):
                    self.template(str(node.template.value).removesuffix(SUFFIX), dict(scope))
                case nodes.Scope() | nodes.ScopedEvalContextModifier() | nodes.Block():
                    self._visit(node.body, dict(scope), into)
                case _:
                    self._report(
                        self._template,
                        node.lineno,
                        f"{type(node).__name__.lower()} is not supported here",
                    )

    def _branch(self, body: Iterable[nodes.Node], scope: Scope, into: list[Value] | None) -> Scope:
        """The names as they are behind it, where it was taken."""
        inner = dict(scope)
        self._visit(body, inner, into)
        return inner

    def _put(self, node: nodes.Node, value: Value, into: list[Value] | None) -> None:
        if into is not None:
            into.append(value)
        elif value.bare:
            how = (
                "end with | fenced, | code or | quoted"
                if self._reader == "model"
                else "put | inert behind it"
            )
            self._report(
                self._template,
                node.lineno,
                f"{_named(node)} is a stranger's text outside a delimiter: {how}",
            )

    def _block(self, body: Sequence[nodes.Node], scope: Scope) -> Value:
        put = list[Value]()
        self._visit(body, dict(scope), put)
        return _joined(*put)

    def _bind(self, target: nodes.Node, value: Value, scope: Scope) -> None:
        match target:
            case nodes.Name():
                scope[target.name] = value
            case nodes.Tuple():
                for part in target.items:
                    self._bind(part, value.to(_item(value.shape)), scope)
            case nodes.NSRef():
                if value.bare:
                    self._namespaces.add(target.name)

    def _value(self, node: nodes.Node, scope: Scope) -> Value:
        self._count()
        match node:
            case nodes.Name():
                self.used.add(node.name)
                if node.name in self._namespaces:
                    return Value(_STRANGE)
                if (
                    node.name not in scope
                    and node.name not in self._known
                    and node.name not in self._macros
                ):
                    self._report(
                        self._template, node.lineno, f"{node.name!r} is used but not declared"
                    )
                return scope.get(node.name, Value(_TEXT))
            case nodes.Getattr():
                return self._field(node, self._value(node.node, scope), node.attr)
            case nodes.Getitem():
                return self._at(node, self._value(node.node, scope))
            case nodes.Filter():
                return self._filtered(node, None, scope)
            case nodes.CondExpr():
                other = self._value(node.expr2, scope) if node.expr2 else Value(_TEXT)
                return _either(self._value(node.expr1, scope), other)
            case nodes.And() | nodes.Or():
                return _either(self._value(node.left, scope), self._value(node.right, scope))
            case nodes.Compare() | nodes.Not() | nodes.Test():
                for child in node.iter_child_nodes():
                    self._value(child, scope)
                return Value(_NUMBER)
            case nodes.List() | nodes.Tuple():
                joined = _joined(*(self._value(item, scope) for item in node.items))
                return Value(Shape("list", item=joined.shape), joined.frame)
            case nodes.Call():
                return self._call(node, scope)
        return _joined(*(self._value(child, scope) for child in node.iter_child_nodes()))

    def _field(self, node: nodes.Node, base: Value, name: str) -> Value:
        shape = base.shape
        if shape.kind == "object" and shape.fields:
            if name not in shape.fields:
                self._report(
                    self._template, node.lineno, f"{_named(node)} is used but not declared"
                )
                return Value(_TEXT)
            return base.to(shape.fields[name])
        return base.to(_item(shape)) if shape.kind in ("map", "object") else _joined(base)

    def _at(self, node: nodes.Getitem, base: Value) -> Value:
        if base.shape.kind == "str":
            return _edited(base)
        if isinstance(node.arg, nodes.Slice):
            return base
        if base.shape.kind == "object" and isinstance(node.arg, nodes.Const):
            return self._field(node, base, str(node.arg.value))
        return base.to(_item(base.shape))

    def _call(self, node: nodes.Call, scope: Scope) -> Value:
        given = [self._value(argument, scope) for argument in node.args]
        named = {pair.key: self._value(pair.value, scope) for pair in node.kwargs}
        called = node.node
        if isinstance(called, nodes.Name) and (macro := self._macros.get(called.name)):
            inner = scope | dict.fromkeys(("caller", "varargs", "kwargs"), Value(_STRANGE))
            inner |= {argument.name: Value(_TEXT) for argument in macro.args}
            defaults = zip(reversed(macro.args), reversed(macro.defaults), strict=False)
            inner |= {argument.name: self._value(default, scope) for argument, default in defaults}
            inner |= {
                argument.name: value for argument, value in zip(macro.args, given, strict=False)
            } | named
            put = list[Value]()
            if macro.name not in self._open:
                self._open.append(macro.name)
                self._visit(macro.body, dict(inner), None)
                self._visit(macro.body, inner, put)
                self._open.pop()
            # What it puts out bare was told in there; what is framed can still be cut out here.
            return (
                Value(_STRANGE, self._frame)
                if any(_strange(value.shape) for value in put)
                else Value(_TEXT)
            )
        if isinstance(called, nodes.Getattr):
            base = self._value(called.node, scope)
            if called.attr == "cycle":
                return _joined(*given)
            if base.shape.kind == "map" and called.attr in ("items", "keys", "values"):
                return base.to(Shape("list", item=Shape("list", item=_item(base.shape))))
            given.append(_edited(base))
        return _joined(*given, *named.values())

    def _filtered(self, node: nodes.Filter | None, value: Value | None, scope: Scope) -> Value:
        """``value`` is what a block's filter is put on, innermost."""
        if node is None:
            return value or Value(_TEXT)
        inner = node.node
        if isinstance(inner, nodes.Filter):
            value = self._filtered(inner, value, scope)
        elif inner is not None:
            value = self._value(inner, scope)
        arguments = [self._value(argument, scope) for argument in node.args]
        named = {pair.key: self._value(pair.value, scope) for pair in node.kwargs}
        return self._through(node, node.name, value or Value(_TEXT), [*arguments, *named.values()])

    def _through(
        self, node: nodes.Filter, name: str, value: Value, arguments: list[Value]
    ) -> Value:
        if name in _NUMBERS:
            return Value(_NUMBER)
        given = [
            p.value
            for p in node.kwargs
            if isinstance(p.value, nodes.Const) and str(p.key) == "attribute"
        ]
        attribute = given[0].value if given else None
        if attribute and value.shape.item:
            item = value.to(value.shape.item)
            for part in str(attribute).split("."):
                item = self._field(node, item, part)
            value = item.to(Shape("list", item=item.shape))
        if name == "map":
            if attribute or not (node.args and isinstance(node.args[0], nodes.Const)):
                return value
            item = self._through(
                node, str(node.args[0].value), value.to(_item(value.shape)), arguments[1:]
            )
            return item.to(Shape("list", item=item.shape))
        if any(argument.bare for argument in arguments):
            return Value(_STRANGE)
        if name in _SAME:
            return value
        if name in _ITEM:
            return value.to(_item(value.shape))
        if name in ("default", "d"):
            return _either(value, *arguments[:1])
        if name in ("items", "dictsort", "batch", "slice", "groupby"):
            return value.to(Shape("list", item=Shape("list", item=_item(value.shape))))
        if name == "join":
            return value.to(_STRANGE if _strange(value.shape) else _TEXT)
        if self._reader == "model" and name in _FRAMES:
            return Value(_STRANGE, "framed")
        if self._reader == "github" and name == "inert":
            return Value(_STRANGE, "inert")
        kept = {"inert": _LEAVE_INERT, "framed": _LEAVE_FRAMES, "": frozenset[str]()}[value.frame]
        return value if name in kept else Value(_STRANGE if _strange(value.shape) else _TEXT)

    def _count(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooTangled(f"it takes more than {MAX_STEPS} steps to follow: make it simpler")


def _strange(shape: Shape) -> bool:
    parts = [*shape.fields.values(), *([shape.item] if shape.item else [])]
    return (shape.untrusted and shape.kind in ("str", "map")) or any(
        _strange(part) for part in parts
    )


def _item(shape: Shape) -> Shape:
    """What looping over it gives."""
    return shape.item or (_STRANGE if _strange(shape) else _TEXT)


def _loop(item: Shape) -> Shape:
    """https://jinja.palletsprojects.com/en/stable/templates/#for"""
    numbers = (
        "index",
        "index0",
        "revindex",
        "revindex0",
        "first",
        "last",
        "length",
        "depth",
        "depth0",
    )
    return Shape(
        "object", fields=dict.fromkeys(numbers, _NUMBER) | {"previtem": item, "nextitem": item}
    )


def _edited(value: Value) -> Value:
    """A text that was cut or changed: its frame may be gone."""
    return value if value.frame == "inert" else Value(_STRANGE if _strange(value.shape) else _TEXT)


def _joined(*values: Value) -> Value:
    worst = _worst(values)
    return Value(_STRANGE if _strange(worst.shape) else _TEXT, worst.frame)


def _worst(values: Sequence[Value]) -> Value:
    """A bare one, else one that holds a stranger's text."""
    strange = [value for value in values if _strange(value.shape)]
    return next(
        (value for value in strange if value.bare),
        strange[0] if strange else values[-1] if values else Value(_TEXT),
    )


def _either(first: Value, *others: Value) -> Value:
    for other in others:
        if not _strange(first.shape) or other.bare:
            first = other
    return first


def _named(node: Any) -> str:
    def path(node: Any) -> str:
        match node:
            case nodes.Name():
                return str(node.name)
            case nodes.Getattr():
                return f"{path(node.node)}.{node.attr}"
            case nodes.Getitem():
                return f"{path(node.node)}[]"
            case nodes.Filter() | nodes.Call() if node.node is not None:
                return path(node.node)
        return ""

    found = path(node)
    return f"'{found}'" if found else "this"
