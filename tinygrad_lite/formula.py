r"""Formulas of gradient rules, as students write them, read off the rules' own source.

`lambda g, y, x: g * np.cos(x)` becomes `x̄ = ȳ · cos(x)` and `\bar{x} = \bar{y} \cdot \cos(x)`,
where a bar means "the gradient of". Nothing is written twice, so a formula cannot differ from its
rule. What only arranges shapes (`fit`, `spread`, `reshape`) is left out. A rule too long for one
expression is told in the words of its docstring.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple


class Formula(NamedTuple):
    """The gradients of an op's arguments, a line for each."""

    unicode: str
    latex: str


def formula_of(names: Sequence[str], rule: Any) -> Formula:
    """Return the formula of a gradient rule.

    Args:
        names: the arguments of the op.
        rule: a function that returns all gradients, or a tuple with a function for each argument;
            None where there is no gradient.
    """
    if rule is None:
        return Formula("no gradient", r"\text{no gradient}")
    lines = [*_lines(names, rule)]
    return Formula("\n".join(u for u, _ in lines), "\\\\\n".join(t for _, t in lines))


def _lines(names: Sequence[str], rule: Any) -> Iterator[tuple[str, str]]:
    if isinstance(rule, tuple):
        for name, part in zip(names, rule, strict=False):
            if part is not None:
                yield _equation(name, part, _body(part))
        return
    body = _body(rule)
    if isinstance(body, ast.Tuple):
        for name, part in zip(names, body.elts, strict=False):
            if not (isinstance(part, ast.Constant) and part.value is None):
                yield _equation(name, rule, part)
    else:
        yield _equation(names[0], rule, body)


def _equation(name: str, rule: Any, body: ast.expr | None) -> tuple[str, str]:
    """Return one line: the gradient of `name`, and what the rule says of it."""
    if body is None:
        words = (inspect.getdoc(rule) or "").partition("\n")[0]
        return words, rf"\text{{{_escaped(words)}}}"
    first, second, *_ = inspect.signature(rule).parameters
    bars = {first: second}
    return (
        f"{_bar(name)} = {_Unicode(bars).text(body)}",
        rf"\bar{{{_latex_name(name)}}} = {_Latex(bars).text(body)}",
    )


# -- from a function to its expression ------------------------------------------------------------


def _body(function: Any) -> ast.expr | None:
    """Return the expression that a function returns, if that is all it does and can be found."""
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    for node in _functions(code.co_filename):
        if not _is_of(node, code):
            continue
        if isinstance(node, ast.Lambda):
            return node.body
        body = [n for n in node.body if not _is_text(n)]
        if len(body) == 1 and isinstance(body[0], ast.Return):
            return body[0].value
    return None


@lru_cache(maxsize=64)
def _functions(filename: str) -> list[ast.Lambda | ast.FunctionDef]:
    source = "".join(linecache.getlines(filename))
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda | ast.FunctionDef)]


def _is_of(node: ast.Lambda | ast.FunctionDef, code: Any) -> bool:
    """Tell whether `code` was compiled from `node`."""
    parameters = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
    if parameters != [*code.co_varnames[: code.co_argcount]]:
        return False
    if isinstance(node, ast.FunctionDef):
        first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
        return code.co_firstlineno == first and code.co_name == node.name
    inside = (node.body.lineno, node.body.col_offset)
    ends = (node.body.end_lineno, node.body.end_col_offset)
    places = [
        ((line, column), (end, end_column))
        for line, end, column, end_column in code.co_positions()
        if line is not None and column is not None and (line, column) != (code.co_firstlineno, 0)
    ]
    return (
        code.co_name == "<lambda>"
        and bool(places)
        and all(
            inside <= start and end <= ends
            for start, end in places  # type: ignore[operator]
        )
    )


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


# -- from an expression to a formula --------------------------------------------------------------

_GREEK = dict(
    zip(
        ["alpha", "beta", "gamma", "delta", "eps", "lambda_", "mu", "rho", "sigma", "theta"],
        "αβγδελμρσθ",
        strict=True,
    )
)
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("=", "="),
    ast.NotEq: ("≠", r"\neq"),
    ast.Lt: ("<", "<"),
    ast.LtE: ("≤", r"\leq"),
    ast.Gt: (">", ">"),
    ast.GtE: ("≥", r"\geq"),
}
# what only arranges shapes stands for its first operand; a method's is what it is a method of
_ARRANGES = {"fit", "spread", "reshape", "expand_dims", "squeeze", "broadcast_to", "astype"}
_TRANSPOSES = {"_t", "swapaxes", "transpose", "matrix_transpose"}
_LATEX_FUNCTIONS = {"exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min", "det"}
# how tightly operators bind
_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(1, 6)


def _bar(name: str) -> str:
    return name + "\N{COMBINING MACRON}" if len(name) == 1 else f"grad {name}"


def _latex_name(name: str) -> str:
    if name in _GREEK:
        return "\\epsilon" if name == "eps" else "\\" + name.strip("_")
    return name if len(name) == 1 else rf"\mathit{{{_escaped(name)}}}"


def _escaped(text: str) -> str:
    for sign in "&%$#_{}":
        text = text.replace(sign, "\\" + sign)
    return text.replace("²", "^2")


class _Writer:
    """Writes an expression; what differs between Unicode and LaTeX is left to subclasses.

    `bars` are the names of gradients, and what they are the gradients of.
    """

    face = 0  # which of a pair of notations is this one's

    def __init__(self, bars: dict[str, str]) -> None:
        self.bars = bars

    def text(self, node: ast.expr, binding: int = 0) -> str:
        """Write a node, in brackets if it binds less tightly than `binding`."""
        written, own = self.write(node)
        return self.bracketed(written) if own < binding else written

    def write(self, node: ast.expr) -> tuple[str, int]:
        """Return the text of a node, and how tightly it binds."""
        name = f"write_{type(node).__name__}"
        writer: Callable[[Any], tuple[str, int]] | None = getattr(self, name, None)
        return writer(node) if writer else (self.verbatim(ast.unparse(node)), _ATOM)

    def write_Constant(self, node: ast.Constant) -> tuple[str, int]:
        number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        return (f"{node.value:g}" if number else self.verbatim(repr(node.value))), _ATOM

    def write_BinOp(self, node: ast.BinOp) -> tuple[str, int]:
        if isinstance(node.op, ast.Add | ast.Sub):
            sign = "+" if isinstance(node.op, ast.Add) else "-"
            right = self.text(node.right, _SUM + (sign == "-"))
            return f"{self.text(node.left, _SUM)} {sign} {right}", _SUM
        if isinstance(node.op, ast.Mult | ast.MatMult):
            dot = self.dot if isinstance(node.op, ast.Mult) else self.product
            return (
                f"{self.text(node.left, _PRODUCT)}{dot}{self.text(node.right, _PRODUCT)}",
                _PRODUCT,
            )
        if isinstance(node.op, ast.Div):
            return self.fraction(node.left, node.right)
        if isinstance(node.op, ast.Pow):
            return self.power(node.left, node.right)
        return self.verbatim(ast.unparse(node)), _ATOM

    def write_UnaryOp(self, node: ast.UnaryOp) -> tuple[str, int]:
        if isinstance(node.op, ast.USub):
            return f"-{self.text(node.operand, _PRODUCT)}", _SUM
        return self.negation + self.text(node.operand, _ATOM), _SIGN

    def write_Compare(self, node: ast.Compare) -> tuple[str, int]:
        text = self.text(node.left)
        for sign, right in zip(node.ops, node.comparators, strict=True):
            pair = _COMPARISONS.get(type(sign))
            if pair is None:
                return self.verbatim(ast.unparse(node)), _ATOM
            text += f" {pair[self.face]} {self.text(right)}"
        return f"[{text}]", _ATOM

    def write_IfExp(self, node: ast.IfExp) -> tuple[str, int]:
        return self.cases(node.body, node.test, node.orelse)

    def write_Tuple(self, node: ast.Tuple) -> tuple[str, int]:
        return ", ".join(self.text(part) for part in node.elts), 0

    def write_Attribute(self, node: ast.Attribute) -> tuple[str, int]:
        if node.attr in ("T", "mT"):
            return self.text(node.value, _ATOM) + self.transposed, _ATOM
        return self.verbatim(ast.unparse(node)), _ATOM

    def write_Call(self, node: ast.Call) -> tuple[str, int]:
        operands = list(node.args)
        function = node.func
        if isinstance(function, ast.Attribute):
            name = function.attr
            if not (isinstance(function.value, ast.Name) and function.value.id in ("np", "tg")):
                operands.insert(0, function.value)  # a method
        else:
            name = ast.unparse(function)
        name = name.strip("_").removesuffix("_op")
        if not operands:
            return self.verbatim(ast.unparse(node)), _ATOM
        if name in _ARRANGES:
            return self.write(operands[0])
        if name in _TRANSPOSES or name == "t":
            return self.text(operands[0], _ATOM) + self.transposed, _ATOM
        if name == "product" or name in ("matmul", "dot"):
            both = (self.text(operand, _PRODUCT) for operand in operands[:2])
            return self.product.join(both), _PRODUCT
        if name == "where" and len(operands) == 3:
            return self.cases(operands[1], operands[0], operands[2])
        if name in ("abs", "absolute"):
            return f"|{self.text(operands[0])}|", _ATOM
        if name == "square":
            return self.power(operands[0], ast.Constant(2))
        if name == "sqrt":
            return self.root(operands[0])
        if name == "sum":
            return f"{self.total} {self.text(operands[0], _PRODUCT)}", _PRODUCT
        return self.function(name, operands)

    # -- what a face writes its own way -----------------------------------------------------------

    dot = product = transposed = negation = total = ""

    def bracketed(self, text: str) -> str:
        raise NotImplementedError

    def verbatim(self, text: str) -> str:
        raise NotImplementedError

    def fraction(self, above: ast.expr, below: ast.expr) -> tuple[str, int]:
        raise NotImplementedError

    def power(self, base: ast.expr, exponent: ast.expr) -> tuple[str, int]:
        raise NotImplementedError

    def root(self, of: ast.expr) -> tuple[str, int]:
        raise NotImplementedError

    def cases(self, value: ast.expr, condition: ast.expr, other: ast.expr) -> tuple[str, int]:
        raise NotImplementedError

    def function(self, name: str, operands: list[ast.expr]) -> tuple[str, int]:
        raise NotImplementedError


class _Unicode(_Writer):
    dot, product, transposed, negation, total = " · ", " ", "ᵀ", "¬", "Σ"

    def write_Name(self, node: ast.Name) -> tuple[str, int]:
        if node.id in self.bars:
            return _bar(self.bars[node.id]), _ATOM
        return _GREEK.get(node.id, node.id), _ATOM

    def bracketed(self, text: str) -> str:
        return f"({text})"

    def verbatim(self, text: str) -> str:
        return text

    def fraction(self, above: ast.expr, below: ast.expr) -> tuple[str, int]:
        return f"{self.text(above, _PRODUCT)} / {self.text(below, _SIGN)}", _PRODUCT

    def power(self, base: ast.expr, exponent: ast.expr) -> tuple[str, int]:
        text = self.text(exponent)
        if text.lstrip("-").isdigit():
            return self.text(base, _ATOM) + text.translate(_SUPERSCRIPTS), _POWER
        return f"{self.text(base, _ATOM)}^{self.text(exponent, _ATOM)}", _POWER

    def root(self, of: ast.expr) -> tuple[str, int]:
        return f"√{self.text(of, _ATOM)}", _ATOM

    def cases(self, value: ast.expr, condition: ast.expr, other: ast.expr) -> tuple[str, int]:
        test = self.text(condition).strip("[]")
        return f"({self.text(value)} if {test}, else {self.text(other)})", _ATOM

    def function(self, name: str, operands: list[ast.expr]) -> tuple[str, int]:
        return f"{name}({', '.join(self.text(operand) for operand in operands)})", _ATOM


class _Latex(_Writer):
    face = 1
    dot, product, transposed, negation, total = r" \cdot ", r" \, ", r"^\top", r"\neg ", r"\sum"

    def write_Name(self, node: ast.Name) -> tuple[str, int]:
        if node.id in self.bars:
            return rf"\bar{{{_latex_name(self.bars[node.id])}}}", _ATOM
        return _latex_name(node.id), _ATOM

    def bracketed(self, text: str) -> str:
        return rf"\left({text}\right)"

    def verbatim(self, text: str) -> str:
        return rf"\mathtt{{{_escaped(text)}}}"

    def fraction(self, above: ast.expr, below: ast.expr) -> tuple[str, int]:
        return rf"\frac{{{self.text(above)}}}{{{self.text(below)}}}", _ATOM

    def power(self, base: ast.expr, exponent: ast.expr) -> tuple[str, int]:
        return f"{{{self.text(base, _ATOM)}}}^{{{self.text(exponent)}}}", _POWER

    def root(self, of: ast.expr) -> tuple[str, int]:
        return rf"\sqrt{{{self.text(of)}}}", _ATOM

    def cases(self, value: ast.expr, condition: ast.expr, other: ast.expr) -> tuple[str, int]:
        test = self.text(condition).strip("[]")
        rows = rf"{self.text(value)} & {test} \\ {self.text(other)} & \text{{else}}"
        return rf"\begin{{cases}}{rows}\end{{cases}}", _ATOM

    def function(self, name: str, operands: list[ast.expr]) -> tuple[str, int]:
        known = name in _LATEX_FUNCTIONS
        head = f"\\{name}" if known else rf"\operatorname{{{_escaped(name)}}}"
        return f"{head}({', '.join(self.text(operand) for operand in operands)})", _ATOM
