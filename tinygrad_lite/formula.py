r"""Formulas of gradient rules, as students write them, read off the rules' own source.

`lambda g, y, x: g * np.cos(x)` becomes `x̄ = ȳ · cos(x)` and `\bar{x} = \bar{y} \cdot \cos(x)`,
where a bar means "the gradient of" and y is the result; the gradients of several results are
ȳ₀, ȳ₁ and so on. Nothing is written twice, so a formula cannot differ from its rule. Left out is
what only arranges shapes (`fit`, `spread`, `reshape`) or keeps numbers in range (`or_one`); of
cases for different shapes the first is shown. Signs:

- [a > b] is 1 where that is true and 0 elsewhere;
- Σ sums over the axes that the op reduced; n is the number of elements of a mean, 1 for a sum;
- factors side by side are a matrix product, with a dot between them a product of elements.

A rule too long for one expression is told in the first paragraph of its docstring.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import groupby
from types import ModuleType
from typing import Any, NamedTuple


class Formula(NamedTuple):
    """The gradients of an op's arguments, a line for each."""

    unicode: str
    latex: str


def formula_of(rule: Any) -> Formula:
    """Return the formula of a gradient rule.

    Args:
        rule: a function that returns all gradients, or a tuple with a function for each argument;
            None where there is no gradient.
    """
    unicode, latex = zip(*([*_lines(rule)] or [_in_words("no gradient")]), strict=True)
    below = "\\\\\n".join(latex)
    return Formula(
        "\n".join(unicode),
        below if len(latex) == 1 else rf"\begin{{gathered}}{below}\end{{gathered}}",
    )


def _lines(rule: Any) -> Iterator[tuple[str, str]]:
    """Yield each gradient that the rule gives, in Unicode and LaTeX."""
    parts = rule if isinstance(rule, tuple) else (rule,)
    for place, part in enumerate(parts):
        if part is None:
            continue
        body = _body(part)
        if body is None:
            yield _in_words(_story(part))
            continue
        given = isinstance(body, ast.Tuple) and not isinstance(rule, tuple)
        bodies = body.elts if given else [body]  # type: ignore[attr-defined]
        names = _parameters(part)
        for at, expression in enumerate(bodies, start=place):
            if not _is_none(expression):
                name = names[2:][at] if at < len(names) - 2 else f"x{at}"
                yield _equation(name, names, part, expression)


def _equation(name: str, names: list[str], rule: Any, body: ast.expr) -> tuple[str, str]:
    meanings = {names[0]: "g"} if names else {}
    if len(names) > 1 and "y" not in names[2:]:
        meanings[names[1]] = "y"  # whatever the rule calls its result
    result = meanings.get(names[1], names[1]) if len(names) > 1 else "y"
    unicode, latex = (
        face(meanings, result, getattr(rule, "__globals__", {})) for face in (_Unicode, _Latex)
    )
    return (
        f"{unicode.bar(name)} = {unicode.text(body)}",
        f"{latex.bar(name)} = {latex.text(body)}",
    )


def _in_words(words: str) -> tuple[str, str]:
    return words, rf"\text{{{_escaped(words)}}}"


def _story(rule: Any) -> str:
    """Tell a rule in words: by its docstring, or by where it can be read."""
    while isinstance(rule, partial):
        rule = rule.func
    name = getattr(rule, "__name__", type(rule).__name__)
    code = getattr(rule, "__code__", None)
    if code is None:
        return f"the gradient is computed by {name}"
    words = (inspect.getdoc(rule) or "").partition("\n\n")[0].replace("\n", " ")
    at = f"{code.co_filename}:{code.co_firstlineno}"
    return words or f"the gradient is computed by {name.strip('<>')}, {at}"


# -- from a function to its expression ------------------------------------------------------------


def _parameters(rule: Any) -> list[str]:
    code = rule.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    named = code.co_varnames[: code.co_argcount]
    variadic = code.co_varnames[count : count + 1] if code.co_flags & inspect.CO_VARARGS else ()
    return [*named, *variadic]


def _body(function: Any) -> ast.expr | None:
    """Return the expression that a function returns, if that is all it does and can be found."""
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    # those inside of others come last, and are the better match
    for node in reversed(_functions(code.co_filename)):
        if not _is_of(node, code):
            continue
        if isinstance(node, ast.Lambda):
            return node.body
        body = [n for n in node.body if not _is_text(n)]
        if len(body) == 1 and isinstance(body[0], ast.Return):
            return body[0].value
        return None
    return None


@lru_cache(maxsize=64)
def _functions(filename: str) -> list[ast.Lambda | ast.FunctionDef]:
    """Return all functions in a file, outer ones first."""
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except SyntaxError:  # edited meanwhile
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
    ends = (node.body.end_lineno or 0, node.body.end_col_offset or 0)
    places = [
        ((line, column), (end or 0, end_column or 0))
        for line, end, column, end_column in code.co_positions()
        if line is not None and column is not None and (line, column) != (code.co_firstlineno, 0)
    ]
    return (
        code.co_name == "<lambda>"
        and bool(places)
        and all(inside <= start and end <= ends for start, end in places)
    )


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_shape(node: ast.AST) -> bool:
    """Tell whether an operand only says how long axes are."""
    match node:
        case ast.Attribute(attr="shape" | "ndim"):
            return True
        case ast.Subscript(value=inner) | ast.Starred(value=inner) | ast.ListComp(elt=inner):
            return _is_shape(inner)
        case ast.Tuple(elts=parts):
            return any(_is_shape(part) for part in parts)
    return False


def _factors(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), node.right]
    return [node]


def _adds_axes(index: ast.expr) -> bool:
    """Tell whether an index only adds axes: `[..., None]`."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return all(ast.unparse(part) in ("None", "...", ":") for part in parts)


# -- from an expression to a formula --------------------------------------------------------------

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "eps": "ε", "epsilon": "ε", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambd": "λ", "lambda_": "λ", "mu": "μ", "nu": "ν", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "psi": "ψ", "omega": "ω",
}  # fmt: skip
_LATEX_GREEK = {"eps": "epsilon", "lambd": "lambda", "lambda_": "lambda"}
# constants are known by their value, whatever they are called: Unicode, LaTeX
_CONSTANTS = {
    math.pi: ("π", r"\pi"),
    math.e: ("e", "e"),
    math.inf: ("∞", r"\infty"),
    math.log(2): ("ln 2", r"\ln 2"),
    math.log(10): ("ln 10", r"\ln 10"),
    2 / math.sqrt(math.pi): ("2 / √π", r"\frac{2}{\sqrt{\pi}}"),
}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
# how tightly operators bind
_SUM, _PRODUCT, _MATRIX, _POWER, _ATOM = range(1, 6)
_SIGNS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Eq: ("=", "="),
    ast.NotEq: ("≠", r"\neq"),
    ast.Lt: ("<", "<"),
    ast.LtE: ("≤", r"\leq"),
    ast.Gt: (">", ">"),
    ast.GtE: ("≥", r"\geq"),
    ast.BitAnd: ("∧", r"\wedge"),
    ast.BitOr: ("∨", r"\vee"),
    ast.Mod: ("mod", r"\bmod"),
}
# what arranges shapes or keeps numbers in range stands for its first operand
_LEFT_OUT = {
    *("fit", "spread", "reshape", "expand_dims", "squeeze", "broadcast_to", "astype", "rows"),
    *("or_one", "grounded", "raw", "asarray"),
}
_TRANSPOSES = {"swapaxes", "transpose", "matrix_transpose"}
# a call: how tightly its operands bind at least, how it binds itself, Unicode, LaTeX
_CALLS = {
    "absolute": (0, _ATOM, "|{0}|", r"\left|{0}\right|"),
    "sum": (0, _ATOM, "Σ({0})", r"\sum\left({0}\right)"),
    "inv": (_ATOM, _POWER, "{0}⁻¹", "{0}^{{-1}}"),
    "solve": (_ATOM, _MATRIX, "{0}⁻¹ {1}", r"{0}^{{-1}} \, {1}"),
    "eye": (0, _ATOM, "I", "I"),
    "ones": (0, _ATOM, "1", "1"),
    "zeros": (0, _ATOM, "0", "0"),
    "sigmoid": (0, _ATOM, "σ({0})", r"\sigma\left({0}\right)"),
    "floor": (0, _ATOM, "⌊{0}⌋", r"\left\lfloor {0} \right\rfloor"),
    "gate": (_PRODUCT, _PRODUCT, "{0} · [{1} > 0]", r"{0} \cdot [{1} > 0]"),
    "share": (_PRODUCT, _PRODUCT, "{0} / n", r"\frac{{{0}}}{{n}}"),
    "getitem": (_ATOM, _ATOM, "{0}[{1}]", r"{0}_{{\left[{1}\right]}}"),
    "set": (0, _SUM, "{0} with {1} at the index", r"{0} \text{{ with {1} at the index}}"),
    "permute": (_ATOM, _SUM, "{0} in the order before", r"{0} \text{{ in the order before}}"),
}  # fmt: skip
# other names of what is above, or is written in the same way
_SYNONYMS = {
    "abs": "absolute", "dot": "matmul", "product": "matmul", "maximum": "max", "minimum": "min",
    "ones_like": "ones", "zeros_like": "zeros", "bounded_log": "log", "conv_input": "convᵀ",
    "channel_sum": "sum",
}  # fmt: skip
_LATEX_FUNCTIONS = {"exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min", "det"}


def _escaped(text: str) -> str:
    text = text.replace("\\", "/")
    for sign in "&%$#_{}":
        text = text.replace(sign, "\\" + sign)
    return text.replace("^", r"\^{}").replace("~", r"\~{}")


class _Writer:
    """Writes an expression; what differs between Unicode and LaTeX is left to subclasses.

    Args:
        meanings: what the rule's own names for the gradient and the result stand for: "g" and "y".
        result: the name of the result in the formula.
        globals_: where the rule looks up names of modules and constants.
    """

    face = 0  # which of a pair of notations is this one's
    dot = product = transposed = negation = ""

    def __init__(self, meanings: dict[str, str], result: str, globals_: dict[str, Any]) -> None:
        self.meanings, self.result, self.globals = meanings, result, globals_

    def text(self, node: ast.expr, binding: int = 0) -> str:
        """Write a node, in brackets if it binds less tightly than `binding`."""
        written, own = self.write(node)
        return self.bracketed(written) if own < binding else written

    def after(self, node: ast.expr, binding: int) -> str:
        """Write a right operand, which must not begin with a sign."""
        written = self.text(node, binding)
        return self.bracketed(written) if written.startswith("-") else written

    def write(self, node: ast.expr) -> tuple[str, int]:
        """Return the text of a node, and how tightly it binds."""
        writer: Callable[[Any], tuple[str, int]] | None
        writer = getattr(self, f"write_{type(node).__name__}", None)
        return writer(node) if writer else (self.verbatim(ast.unparse(node)), _ATOM)

    def write_Constant(self, node: ast.Constant) -> tuple[str, int]:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            return self.verbatim(repr(node.value)), _ATOM
        mantissa, _, exponent = f"{node.value:g}".partition("e")
        if not exponent:
            return mantissa, _ATOM
        power = self.raised("10", str(int(exponent)))
        return (power, _POWER) if mantissa == "1" else (f"{mantissa}{self.dot}{power}", _PRODUCT)

    def write_Name(self, node: ast.Name) -> tuple[str, int]:
        meaning = self.meanings.get(node.id, node.id)
        if meaning == "g" and node.id in self.meanings:
            return self.bar(self.result), _ATOM
        return self.constant(self.globals.get(node.id)) or (self.letter(meaning), _ATOM)

    def constant(self, value: Any) -> tuple[str, int] | None:
        """Return the sign of a constant of mathematics, if `value` is one."""
        if not isinstance(value, float) or value not in _CONSTANTS:
            return None
        sign = _CONSTANTS[value][self.face]
        return sign, _PRODUCT if "/" in sign else _ATOM

    def write_BinOp(self, node: ast.BinOp) -> tuple[str, int]:
        left, right, kind = node.left, node.right, type(node.op)
        if kind in (ast.Add, ast.Sub):
            sign = "+" if kind is ast.Add else "-"
            return (
                f"{self.text(left, _SUM)} {sign} {self.after(right, _SUM + (sign == '-'))}",
                _SUM,
            )
        if kind is ast.Mult:
            return self.several(_factors(node))
        if kind is ast.MatMult:
            return f"{self.text(left, _MATRIX)}{self.product}{self.after(right, _MATRIX)}", _MATRIX
        if kind is ast.Div:
            return self.fraction(left, right)
        if kind is ast.FloorDiv:
            return self.call("floor", [ast.BinOp(left, ast.Div(), right)])
        if kind is ast.Pow:
            return self.power(left, right)
        if kind in _SIGNS:
            sign = _SIGNS[kind][self.face]
            return f"({self.text(left, _PRODUCT)} {sign} {self.text(right, _PRODUCT)})", _ATOM
        return self.verbatim(ast.unparse(node)), _ATOM

    def several(self, factors: list[ast.expr]) -> tuple[str, int]:
        """Write a product: its sign in front, equal neighbours as powers."""
        first, *rest = factors
        if isinstance(first, ast.UnaryOp) and isinstance(first.op, ast.USub):
            return f"-{self.several([first.operand, *rest])[0]}", _PRODUCT
        groups = [[*group] for _, group in groupby(factors, ast.dump)]
        powers = [
            g[0] if len(g) == 1 else ast.BinOp(g[0], ast.Pow(), ast.Constant(len(g)))
            for g in groups
        ]
        if len(powers) == 1:
            return self.write(powers[0])
        texts = [self.after(power, _PRODUCT) for power in powers]
        return self.dot.join(texts), _PRODUCT

    def write_UnaryOp(self, node: ast.UnaryOp) -> tuple[str, int]:
        if isinstance(node.op, ast.USub):
            written, own = self.write(node.operand)
            if own < _PRODUCT:
                return f"-{self.bracketed(written)}", _MATRIX
            return f"-{written}", min(own, _MATRIX)
        return self.negation + self.text(node.operand, _ATOM), _POWER

    def write_Compare(self, node: ast.Compare) -> tuple[str, int]:
        return f"[{self.condition(node)}]", _ATOM

    def condition(self, node: ast.expr) -> str:
        """Write a comparison without its brackets."""
        if not isinstance(node, ast.Compare) or any(type(op) not in _SIGNS for op in node.ops):
            return self.text(node) if not isinstance(node, ast.Compare) else ast.unparse(node)
        text = self.text(node.left)
        for sign, right in zip(node.ops, node.comparators, strict=True):
            text += f" {_SIGNS[type(sign)][self.face]} {self.text(right)}"
        return text

    def write_IfExp(self, node: ast.IfExp) -> tuple[str, int]:
        if any(_is_shape(part) for part in ast.walk(node.test)):
            return self.write(node.body)  # other cases are of other shapes
        for one, other in ((node.body, node.orelse), (node.orelse, node.body)):
            if _is_none(one):
                return self.write(other)
        return self.cases(node.body, node.test, node.orelse)

    def write_Tuple(self, node: ast.Tuple) -> tuple[str, int]:
        return ", ".join(self.text(part) for part in node.elts), 0

    def write_Subscript(self, node: ast.Subscript) -> tuple[str, int]:
        if _adds_axes(node.slice):
            return self.write(node.value)
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            return self.letter("n"), _ATOM
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
            return self.numbered(self.text(node.value, _ATOM), str(node.slice.value)), _ATOM
        return self.call("getitem", [node.value, node.slice])

    def write_Slice(self, node: ast.Slice) -> tuple[str, int]:
        parts = (node.lower, node.upper, node.step)
        return ":".join(self.text(p) if p else "" for p in parts).removesuffix(":"), _ATOM

    def write_Attribute(self, node: ast.Attribute) -> tuple[str, int]:
        if node.attr in ("T", "mT"):
            return self.text(node.value, _ATOM) + self.transposed, _POWER
        if node.attr == "size":
            return self.letter("n"), _ATOM
        if node.attr == "data":
            return self.write(node.value)
        module = self.module(node.value)
        known = self.constant(getattr(module, node.attr, None))
        return known or (self.verbatim(node.attr if module else ast.unparse(node)), _ATOM)

    def module(self, node: ast.expr) -> ModuleType | None:
        """Return the module that a name stands for where the rule was written."""
        value = self.globals.get(node.id) if isinstance(node, ast.Name) else None
        return value if isinstance(value, ModuleType) else None

    def write_Call(self, node: ast.Call) -> tuple[str, int]:
        operands = [a for a in node.args if not _is_shape(a)] or node.args
        function = node.func
        if not isinstance(function, ast.Attribute):
            name = ast.unparse(function)
        else:
            name = function.attr
            inside = function.value
            while isinstance(inside, ast.Attribute):  # np.linalg.inv
                inside = inside.value
            if not self.module(inside):  # a method
                operands = [function.value, *operands]
        name = name.strip("_").removesuffix("_op")
        name = _SYNONYMS.get(name, name)
        if not operands:
            return self.verbatim(ast.unparse(node)), _ATOM
        return self.call(name, operands)

    def call(self, name: str, operands: Sequence[ast.expr]) -> tuple[str, int]:
        """Write a function of operands: in signs where it has some, else by name."""
        first = operands[0]
        if name in _LEFT_OUT:
            return self.write(first)
        if name in _TRANSPOSES:
            return self.text(first, _ATOM) + self.transposed, _POWER
        if name == "negative":
            return self.write(ast.UnaryOp(ast.USub(), first))
        if name == "square":
            return self.power(first, ast.Constant(2))
        if name == "sqrt":
            return self.root(first)
        if name == "matmul":
            return self.write(ast.BinOp(first, ast.MatMult(), operands[1]))
        if name in ("where", "select") and len(operands) == 3:
            return self.cases(operands[1], operands[0], operands[2])
        if name == "einsum":  # over the labels that the result has not
            factors = (self.text(factor, _MATRIX) for factor in operands[1:])
            return self.applied(self.total, self.dot.join(factors)), _ATOM
        if name in _CALLS:
            binding, own, *notations = _CALLS[name]
            texts = [self.text(operand, binding) for operand in operands]
            return notations[self.face].format(*texts), own
        inside = ", ".join(self.text(operand) for operand in operands)
        return self.applied(self.named(name), inside), _ATOM

    # -- what a face writes its own way -----------------------------------------------------------

    total = ""

    def letter(self, name: str) -> str:
        raise NotImplementedError

    def bar(self, name: str) -> str:
        raise NotImplementedError

    def named(self, function: str) -> str:
        raise NotImplementedError

    def applied(self, function: str, operands: str) -> str:
        raise NotImplementedError

    def bracketed(self, text: str) -> str:
        raise NotImplementedError

    def verbatim(self, text: str) -> str:
        raise NotImplementedError

    def numbered(self, text: str, number: str) -> str:
        raise NotImplementedError

    def raised(self, base: str, exponent: str) -> str:
        raise NotImplementedError

    def fraction(self, above: ast.expr, below: ast.expr) -> tuple[str, int]:
        raise NotImplementedError

    def power(self, base: ast.expr, exponent: ast.expr) -> tuple[str, int]:
        raise NotImplementedError

    def root(self, of: ast.expr) -> tuple[str, int]:
        raise NotImplementedError

    def cases(self, value: ast.expr, condition: ast.expr, other: ast.expr) -> tuple[str, int]:
        raise NotImplementedError


class _Unicode(_Writer):
    dot, product, transposed, negation, total = " · ", " ", "ᵀ", "¬", "Σ"

    def letter(self, name: str) -> str:
        numbered = re.fullmatch(r"(\D)(\d+)", name)
        if numbered:
            return numbered[1] + numbered[2].translate(_SUBSCRIPTS)
        return _GREEK.get(name, name)

    def bar(self, name: str) -> str:
        first, rest = self.letter(name)[:1], self.letter(name)[1:]
        if rest.strip("₀₁₂₃₄₅₆₇₈₉"):
            return f"grad {name}"
        return f"{first}\N{COMBINING MACRON}{rest}"

    def named(self, function: str) -> str:
        return function

    def applied(self, function: str, operands: str) -> str:
        return f"{function}({operands})"

    def bracketed(self, text: str) -> str:
        return f"({text})"

    def verbatim(self, text: str) -> str:
        return text

    def numbered(self, text: str, number: str) -> str:
        return text + number.translate(_SUBSCRIPTS)

    def raised(self, base: str, exponent: str) -> str:
        whole = exponent.lstrip("-").isdigit()
        return base + exponent.translate(_SUPERSCRIPTS) if whole else f"{base}^{exponent}"

    def fraction(self, above: ast.expr, below: ast.expr) -> tuple[str, int]:
        return f"{self.text(above, _PRODUCT)} / {self.after(below, _MATRIX)}", _PRODUCT

    def power(self, base: ast.expr, exponent: ast.expr) -> tuple[str, int]:
        text = self.text(exponent)
        whole = text.lstrip("-").isdigit()
        text = text if whole else self.text(exponent, _ATOM)
        return self.raised(self.text(base, _ATOM), text), _POWER

    def root(self, of: ast.expr) -> tuple[str, int]:
        return f"√{self.text(of, _ATOM)}", _ATOM

    def cases(self, value: ast.expr, condition: ast.expr, other: ast.expr) -> tuple[str, int]:
        test = self.condition(condition)
        return f"({self.text(value)} if {test}, else {self.text(other)})", _ATOM


class _Latex(_Writer):
    face = 1
    dot, product, transposed, negation, total = r" \cdot ", r" \, ", r"^\top", r"\neg ", r"\sum"

    def letter(self, name: str) -> str:
        numbered = re.fullmatch(r"(\D)(\d+)", name)
        if numbered:
            return f"{numbered[1]}_{{{numbered[2]}}}"
        if name in _GREEK:
            return "\\" + _LATEX_GREEK.get(name, name)
        return name if len(name) == 1 else rf"\mathit{{{_escaped(name)}}}"

    def bar(self, name: str) -> str:
        letter = self.letter(name)
        return rf"\overline{{{letter}}}" if "mathit" in letter else rf"\bar{{{letter}}}"

    def named(self, function: str) -> str:
        if function in _LATEX_FUNCTIONS:
            return f"\\{function}"
        stem = function.removesuffix("ᵀ")
        mark = r"^\top" if stem != function else ""
        return rf"\operatorname{{{_escaped(stem)}}}{mark}"

    def applied(self, function: str, operands: str) -> str:
        return rf"{function}\left({operands}\right)"

    def bracketed(self, text: str) -> str:
        return rf"\left({text}\right)"

    def verbatim(self, text: str) -> str:
        return rf"\mathtt{{{_escaped(text)}}}"

    def numbered(self, text: str, number: str) -> str:
        return f"{text}_{{{number}}}"

    def raised(self, base: str, exponent: str) -> str:
        return f"{base}^{{{exponent}}}"

    def fraction(self, above: ast.expr, below: ast.expr) -> tuple[str, int]:
        return rf"\frac{{{self.text(above)}}}{{{self.text(below)}}}", _MATRIX

    def power(self, base: ast.expr, exponent: ast.expr) -> tuple[str, int]:
        return self.raised(f"{{{self.text(base, _ATOM)}}}", self.text(exponent)), _POWER

    def root(self, of: ast.expr) -> tuple[str, int]:
        return rf"\sqrt{{{self.text(of)}}}", _ATOM

    def cases(self, value: ast.expr, condition: ast.expr, other: ast.expr) -> tuple[str, int]:
        rows = (
            rf"{self.text(value)} & {self.condition(condition)} \\ "
            rf"{self.text(other)} & \text{{else}}"
        )
        return rf"\begin{{cases}}{rows}\end{{cases}}", _ATOM
