"""Jinja as transformers sets it up for chat templates, where no template can hang, fill the memory or reach Python.

What transformers 4.57 has: an immutable sandbox, ``trim_blocks`` and ``lstrip_blocks``, ``break`` and ``continue``,
``raise_exception``, ``strftime_now``, a ``tojson`` that escapes nothing, ``{% generation %}``. What is added only takes
away: everything that can make much out of little (``*``, ``~``, ``replace``, widths …) asks a
:class:`~workbench.runtime.template_limits.Budget` first, and calls reach what is listed here alone.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import Template, nodes, pass_context, pass_eval_context
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from jinja2.visitor import NodeTransformer

from workbench.runtime.template_limits import ITEM, MAX_BITS, PIECE, Budget, Halt, TooLarge

__all__ = ["ChatEnvironment", "Refused"]

FILTERS = frozenset(
    (
        *("abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape", "first"),
        *("float", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower", "map"),
        *("max", "min", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "slice"),
        *("sort", "string", "sum", "title", "tojson", "trim", "truncate", "unique", "upper", "urlencode", "wordcount"),
        "wordwrap",
    )
)
# Methods by the type that has them. Left out is what gives bytes or maps characters to texts.
METHODS: dict[type, frozenset[str]] = {
    str: frozenset(name for name in dir(str) if name[0] != "_") - {"encode", "maketrans", "translate"},
    dict: frozenset(("copy", "get", "items", "keys", "values")),
    list: frozenset(("copy", "count", "index")),
    tuple: frozenset(("count", "index")),
    float: frozenset(("is_integer",)),
    LoopContext: frozenset(("changed", "cycle")),
    Cycler: frozenset(("next", "reset")),
}
# What the code that templates become hands to every call besides the arguments.
SCOPES = ("_block_vars", "_loop_vars")
CALLABLE = (BlockReference, Joiner, LoopContext, Macro, Undefined)
# A character may become as many as these when it is written as Python or JSON would.
ESCAPED = 10
MAX_INDENT = 16
MAX_TIME_FORMAT = 200
MAX_DIGITS = 300
NESTED = re.compile(r"\{[^{}]*\{(?!\{)")


class Refused(TemplateError):
    """What the template says by ``raise_exception``."""


class ChatEnvironment(ImmutableSandboxedEnvironment):
    """Compiles and renders templates; ``budget`` is that of the work at hand. For one thread at a time."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "**", "%"))

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,  # nothing is worked out before its time
            extensions=[Generation, loopcontrols],
            finalize=_printed,
        )
        self.budget = Budget(0)
        self.globals = {
            "cycler": Cycler,
            "dict": dict,
            "joiner": Joiner,
            "namespace": Namespace,
            "raise_exception": _raise,
            "range": self.globals["range"],
            "strftime_now": _strftime_now,
        }
        self._functions = frozenset(self.globals.values())
        self.filters = {name: self._guarded(name, self.filters[name]) for name in FILTERS - {"tojson"}}
        self.filters["tojson"] = self._guarded("tojson", _tojson)

    def template(self, source: str) -> Template:
        """Raises jinja2.TemplateError, and whatever Python raises at code that is nested too deep."""
        tree = _Guards().visit(self.parse(source))
        return self.template_class.from_code(self, self.compile(tree), self.make_globals(None))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        self.budget.check(_result_size(self.budget, operator, left, right))
        return self.budget.kept(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        # The odd names are those of the base class: a template may name its own arguments "self".
        self, function = __self, __obj
        given = {key: value for key, value in kwargs.items() if key not in SCOPES}
        self.budget.text_size((args, given))
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if not (isinstance(function, CALLABLE) or _is_own(function) or self._is_function(function)):
            if not any(isinstance(owner, kind) and name in names for kind, names in METHODS.items()):
                raise SecurityError(f"{name or type(function).__name__!r} cannot be called")
            if isinstance(owner, str) and name in SIZES:
                if name == "join" and args:
                    args = (list(args[0]), *args[1:])
                self.budget.check(SIZES[name](self.budget, owner, *args, **given))
        return self.budget.kept(super().call(__context, function, *args, **kwargs))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None
        text, function = value.__self__, wrapped

        def formatted(*args: Any, **kwargs: Any) -> str:
            if NESTED.search(text):
                raise SecurityError("a width of str.format() cannot be a field of its own")
            self.budget.check(_formatted_size(self.budget, text, "{", (args, kwargs)))
            return function(*args, **kwargs)

        formatted.chat_template = True  # type: ignore[attr-defined]
        return formatted

    # Called by name, through ``call``, from the code that templates become, see _Guards.

    def joined(self, *parts: Any) -> str:
        """``a ~ b``"""
        self.budget.check(self.budget.text_size(parts))
        return "".join(map(str, parts))

    def made(self, value: Any) -> Any:
        """A list, a tuple, a dictionary or a slice that was just made; ``call`` counts it."""
        return value

    joined.chat_template = made.chat_template = True  # type: ignore[attr-defined]

    def _is_function(self, function: Any) -> bool:
        try:
            return function in self._functions
        except TypeError:  # no hash: one of the template's own values
            return False

    def _guarded(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The filter with its budget. What it is given before the value (a context) stays in front."""
        given = 1 if hasattr(function, "jinja_pass_arg") else 0
        estimate = FILTER_SIZES.get(name)

        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            front, rest = args[:given], list(args[given:])
            self.budget.text_size((rest, kwargs))
            if name == "join" and rest:
                rest[0] = list(rest[0])
            if estimate:
                self.budget.check(estimate(self.budget, *rest, **kwargs))
            return self.budget.kept(function(*front, *rest, **kwargs))

        return guarded


class Generation(Extension):
    """``{% generation %} … {% endgeneration %}`` marks what a model is trained on; here it is only what is in it."""

    tags = {"generation"}  # noqa: RUF012  # as the base class has it

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    @pass_eval_context
    def _body(self, context: nodes.EvalContext, caller: Macro) -> str:
        return str(caller())

    _body.chat_template = True  # type: ignore[attr-defined]


class _Guards(NodeTransformer):
    """Has the environment called where Jinja's own code would make something without asking it."""

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:
        return nodes.Const(node.data).set_lineno(node.lineno)  # printed through finalize, and so counted

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _call("joined", node.nodes, node.lineno)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        return _call("made", [node], node.lineno) if isinstance(node.arg, nodes.Slice) else node

    def visit_List(self, node: nodes.List) -> nodes.Node:
        self.generic_visit(node)
        return _call("made", [node], node.lineno)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        self.generic_visit(node)
        return _call("made", [node], node.lineno)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return _call("made", [node], node.lineno) if node.ctx == "load" else node


def _call(name: str, arguments: list[nodes.Expr], line: int) -> nodes.Node:
    return nodes.Call(nodes.EnvironmentAttribute(name), arguments, [], None, None).set_lineno(line)


def _is_own(function: Any) -> bool:
    return getattr(function, "chat_template", None) is True


@pass_context
def _printed(context: Context, value: Any) -> Any:
    """What stands between a template and its output."""
    budget: Budget = context.environment.budget  # type: ignore[attr-defined]
    budget.check(budget.text_size(value))
    text = value if isinstance(value, str) else str(value)
    budget.spend(len(text) + PIECE)
    return text


def _raise(message: Any) -> NoReturn:
    raise Refused(str(message))


def _strftime_now(format: Any) -> str:
    if len(format) > MAX_TIME_FORMAT:
        raise Halt(TooLarge())
    return datetime.now().strftime(format)


def _tojson(
    x: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


# --- how much comes of it, in characters; arguments are named as those of the filters ---------------------------------


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else 0


def _count(value: Any) -> int:
    """A width, or how often."""
    return max(0, int(value)) if isinstance(value, (int, float)) and abs(value) < 1e300 else 0


def _result_size(budget: Budget, operator: str, left: Any, right: Any) -> int:
    if operator == "%" and isinstance(left, str):
        return _formatted_size(budget, left, "%", right)
    if operator == "+" and isinstance(left, (str, list, tuple)) and isinstance(right, (str, list, tuple)):
        return len(left) + len(right)
    if operator == "*":
        for many, times in ((left, right), (right, left)):
            if isinstance(many, (str, list, tuple)) and isinstance(times, int):
                return len(many) * max(0, times) * (1 if isinstance(many, str) else ITEM)
    powers = operator == "**" and isinstance(left, int) and isinstance(right, int)
    if powers and left.bit_length() * max(0, right) > MAX_BITS:
        raise Halt(TooLarge())
    return 0


def _formatted_size(budget: Budget, text: str, sign: str, arguments: Any) -> int:
    """``text % arguments`` or ``text.format(arguments)``: a width may be any number that stands in the text."""
    widest = max((int(digits[:12]) for digits in re.findall(r"\d+", text)), default=0)
    if sign == "%" and "*" in text:
        widest += max(map(_count, arguments if isinstance(arguments, tuple) else (arguments,)), default=0)
    return len(text) + text.count(sign) * (widest + budget.text_size(arguments) * ESCAPED)


def _replaced(budget: Budget, s: Any, old: Any = "", new: Any = "", count: Any = None) -> int:
    text = str(s)
    return len(text) + text.count(str(old)) * len(str(new))


def _widened(budget: Budget, value: Any, width: Any = 80, fill: Any = " ") -> int:
    return budget.text_size(value) + _count(width)


def _tabs(budget: Budget, text: str, tabsize: Any = 8) -> int:
    return len(text) + text.count("\t") * _count(tabsize)


def _joined(budget: Budget, value: Any, d: Any = "", attribute: Any = None) -> int:
    return budget.text_size(value) + len(value) * budget.text_size(d)


def _indented(budget: Budget, s: Any, width: Any = 4, first: Any = False, blank: Any = False) -> int:
    wide = len(width) if isinstance(width, str) else _count(width)
    return budget.text_size(s) + (str(s).count("\n") + 1) * wide


def _wrapped(
    budget: Budget, s: Any, width: Any = 79, break_long_words: Any = True, wrapstring: Any = "", **rest: Any
) -> int:
    return budget.text_size(s) * (1 + _length(wrapstring))


def _batched(budget: Budget, value: Any, linecount: Any = 1, fill_with: Any = None) -> int:
    return _count(linecount) * ITEM


def _sliced(budget: Budget, value: Any, slices: Any = 1, fill_with: Any = None) -> int:
    return _count(slices) * ITEM


def _rounded(budget: Budget, value: Any, precision: Any = 0, method: Any = "") -> int:
    if _count(precision) > MAX_DIGITS:
        raise Halt(TooLarge())
    return 0


def _summed(budget: Budget, iterable: Any, attribute: Any = None, start: Any = 0) -> int:
    if not isinstance(start, (int, float)):
        raise SecurityError("only numbers can be summed up")
    return 0


def _as_json(
    budget: Budget,
    x: Any,
    ensure_ascii: Any = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: Any = False,
) -> int:
    wide = len(indent) if isinstance(indent, str) else _count(indent)
    between = sum(map(_length, separators)) if isinstance(separators, (list, tuple)) else 0
    if max(wide, between) > MAX_INDENT:
        raise Halt(TooLarge())
    return budget.text_size(x) * ESCAPED


SIZES: Mapping[str, Callable[..., int]] = {
    "center": _widened,
    "expandtabs": _tabs,
    "join": lambda budget, between, parts=(): _joined(budget, parts, between),
    "ljust": _widened,
    "replace": _replaced,
    "rjust": _widened,
    "zfill": _widened,
}
FILTER_SIZES: Mapping[str, Callable[..., int]] = {
    "batch": _batched,
    "center": _widened,
    "format": lambda budget, value, *args, **kwargs: _formatted_size(budget, str(value), "%", kwargs or args),
    "indent": _indented,
    "join": _joined,
    "replace": _replaced,
    "round": _rounded,
    "slice": _sliced,
    "sum": _summed,
    "tojson": _as_json,
    "wordwrap": _wrapped,
}
