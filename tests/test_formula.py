"""Formulas of gradient rules: what every op says of itself, and how rules of users are read."""

# ruff: noqa: E501, RET504 (formulas are one line each; rules are written as users might)

import importlib
import math
import operator
import pkgutil
import re
import subprocess
import sys
import unicodedata
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.ops.tables import TABLE
from tests.ops.test_ops import apply, calls, leaves
from tinygrad_lite import ops
from tinygrad_lite.formula import formula_of
from tinygrad_lite.op import Op

SMOOTH = [name for name, entry in TABLE.items() if entry.differentiable]
PYTHON = re.compile(
    r"(?<!\\)lambda|\bnp\b|math\.|_op\b|None|True|False|\*\*|\*|@|==|axis=|keepdims|\.shape|\\mathtt"
    r"|fit\(|spread\(|share\(|or_one|grounded|\.\.\.|<lambda>"
)


def ops_of_the_library():
    families = pkgutil.iter_modules(ops.__path__)
    modules = [importlib.import_module(f"tinygrad_lite.ops.{f.name}") for f in families]
    modules.append(importlib.import_module("tinygrad_lite.op"))
    # a function of one or two operands has its op at hand
    values = [getattr(v, "op", v) for module in modules for v in vars(module).values()]
    return list({id(v): v for v in values if type(v) is Op}.values())


def check(op):
    """Both faces have a text, closed brackets, and no Python in them."""
    formula = op.formula
    for text in formula:
        assert text.strip()
        for opening, closing in ("()", "[]", "{}"):
            assert text.count(opening) == text.count(closing), text
        assert not PYTHON.search(text), text
        assert "is computed by" not in text, f"{op.name}: the rule needs a docstring"
    assert formula.latex.count(r"\left") == formula.latex.count(r"\right")
    assert formula.latex.count(r"\begin") == formula.latex.count(r"\end")


@pytest.mark.parametrize("op", ops_of_the_library(), ids=lambda op: op.name)
def test_every_op_has_a_formula(op):
    check(op)
    assert (op.formula.unicode == "no gradient") == (op.rule is None)


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=2)
@given(data=st.data())
def test_every_vertex_that_a_function_makes_has_a_formula_and_a_line(name, data):
    arrays, params = data.draw(calls(TABLE[name]))
    stack = list(apply(name, leaves(arrays), params))
    while stack:
        node = stack.pop()
        if node.op is not None:
            check(node.op)
            assert node.formula == node.op.formula
            assert re.search(r"\.py:\d+: ", node.line)
        stack += node.parents


def test_a_vertex_tells_its_op_its_formula_and_its_line():
    for x in (tg.Scalar(2.0), tg.ones(2, requires_grad=True)):
        number = sys._getframe().f_lineno + 1
        y = x * x
        assert y.op.name == "multiply"
        assert y.formula == ops.multiply.op.formula
        assert y.line == f"{__file__}:{number}: y = x * x"
        assert x.formula is x.line is None


# -- what is written ------------------------------------------------------------------------------

EXPECTED = {
    "add": ("ā = ȳ\nb̄ = ȳ", r"\begin{gathered}\bar{a} = \bar{y}\\" "\n" r"\bar{b} = \bar{y}\end{gathered}"),
    "divide": ("ā = ȳ / b\nb̄ = -ȳ · y / b", r"\begin{gathered}\bar{a} = \frac{\bar{y}}{b}\\" "\n" r"\bar{b} = \frac{-\bar{y} \cdot y}{b}\end{gathered}"),
    "exp": ("x̄ = ȳ · y", r"\bar{x} = \bar{y} \cdot y"),
    "log": ("x̄ = ȳ / x", r"\bar{x} = \frac{\bar{y}}{x}"),
    "log2": ("x̄ = ȳ / (x · ln 2)", r"\bar{x} = \frac{\bar{y}}{x \cdot \ln 2}"),
    "sqrt": ("x̄ = ȳ / (2 · y)", r"\bar{x} = \frac{\bar{y}}{2 \cdot y}"),
    "sin": ("x̄ = ȳ · cos(x)", r"\bar{x} = \bar{y} \cdot \cos\left(x\right)"),
    "arcsin": ("x̄ = ȳ / √(1 - x²)", r"\bar{x} = \frac{\bar{y}}{\sqrt{1 - {x}^{2}}}"),
    "tanh": ("x̄ = ȳ - ȳ · y²", r"\bar{x} = \bar{y} - \bar{y} \cdot {y}^{2}"),
    "sigmoid": ("x̄ = ȳ · (y - y²)", r"\bar{x} = \bar{y} \cdot \left(y - {y}^{2}\right)"),
    "erf": ("x̄ = ȳ · 2 / √π · exp(-x²)", r"\bar{x} = \bar{y} \cdot \frac{2}{\sqrt{\pi}} \cdot \exp\left(-{x}^{2}\right)"),
    "matmul": ("ā = ȳ bᵀ\nb̄ = aᵀ ȳ", r"\begin{gathered}\bar{a} = \bar{y} \, b^\top\\" "\n" r"\bar{b} = a^\top \, \bar{y}\end{gathered}"),
    "inv": ("ā = -yᵀ ȳ yᵀ", r"\bar{a} = -y^\top \, \bar{y} \, y^\top"),
    "solve": ("ā = -(aᵀ)⁻¹ ȳ yᵀ\nb̄ = (aᵀ)⁻¹ ȳ", None),
    "slogdet": ("ā = ȳ₁ · (a⁻¹)ᵀ", r"\bar{a} = \bar{y}_{1} \cdot \left(a^{-1}\right)^\top"),
    "softmax": ("x̄ = y · (ȳ - Σ(ȳ · y))", r"\bar{x} = y \cdot \left(\bar{y} - \sum\left(\bar{y} \cdot y\right)\right)"),
    "mse_loss": ("x̄ = 2 · ȳ / n · (x - t)\nt̄ = 2 · ȳ / n · (t - x)", None),
    "binary_cross_entropy": ("x̄ = ȳ · (x - t) / max(x · (1 - x), 10⁻¹²)\nt̄ = ȳ · (log(1 - x) - log(x))", None),
    "where": ("ā = (ȳ if condition, else 0)\nb̄ = (0 if condition, else ȳ)", None),
    "cross_entropy": ("grad logits = ȳ / n · y₁", r"\overline{\mathit{logits}} = \frac{\bar{y}}{n} \cdot y_{1}"),
    "max": ("Split ȳ evenly among the elements that attain the extreme.", None),
}  # fmt: skip


def plain(text):
    """Letters with their bars in one form: this file may spell them with one sign or with two."""
    return unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("name", EXPECTED)
def test_well_known_formulas(name):
    by_name = {op.name: op for op in reversed(ops_of_the_library())}
    unicode, latex = EXPECTED[name]
    formula = by_name[name].formula
    assert plain(formula.unicode) == plain(unicode)
    assert latex is None or formula.latex == latex


def test_a_bar_takes_no_room_in_a_terminal():
    from rich.cells import cell_len

    assert cell_len(ops.exp.op.formula.unicode) == len("x = y . y")


# -- rules of users -------------------------------------------------------------------------------

SCALE = 0.1
one_line = lambda g, y, x: g * SCALE * x  # fmt: skip
two = (lambda g, y, x: 2 * g, lambda g, y, x: 3 * g)  # fmt: skip
several_lines = (
    lambda g, y, a, b: (
        g
        * b,
        g
        * a,
    )
)  # fmt: skip


def one_return(g, y, x):
    """A docstring that the formula makes needless."""
    return g * np.cos(x)


def told(g, y, x):
    """Twice what comes in,
    and no more.

    Nobody prints this.
    """
    g = 2 * g
    return g


def untold(g, y, x):
    g = 2 * g
    return g


def with_factor(factor, g, y, x):
    return factor * g


def read(rule):
    return plain(formula_of(rule).unicode)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (one_line, "x̄ = ȳ · SCALE · x"),
        (two[0], "x̄ = 2 · ȳ"),
        (two[1], "x̄ = 3 · ȳ"),
        (several_lines, "ā = ȳ · b\nb̄ = ȳ · a"),
        ((lambda g, y, a, b: g, None), "ā = ȳ"),
        ((None, lambda g, y, a, b: g - y), "b̄ = ȳ - y"),
        (lambda g, y, a, b: (None, g), "b̄ = ȳ"),
        (lambda g, y, x, slope=0.1, *, shift=1: g * slope, "x̄ = ȳ · slope"),
        (lambda grad, out, x: grad * out, "x̄ = ȳ · y"),
        (lambda g, z, y: g * y + z, "ȳ = z̄ · y + z"),
        (lambda g, _, beta, x1: (g * x1, g * beta), "β̄ = ȳ · x₁\nx̄₁ = ȳ · β"),
        (lambda g, y, weight: g / weight, "grad weight = ȳ / weight"),
        (lambda g, y, *xs: g, "grad xs = ȳ"),
        (lambda *all: all[0], "x̄₀ = ȳ₀"),
        (one_return, "x̄ = ȳ · cos(x)"),
        (told, "Twice what comes in, and no more."),
        (partial(told), "Twice what comes in, and no more."),
        (operator.mul, "the gradient is computed by mul"),
        (np.multiply, "the gradient is computed by multiply"),
        (None, "no gradient"),
        ((None, None), "no gradient"),
    ],
)
def test_rules_of_users(rule, expected):
    assert read(rule) == plain(expected)


def test_a_rule_without_words_tells_where_it_is():
    number = untold.__code__.co_firstlineno
    assert read(untold) == f"the gradient is computed by untold, {__file__}:{number}"
    number = with_factor.__code__.co_firstlineno
    wanted = f"the gradient is computed by with_factor, {__file__}:{number}"
    assert read(partial(with_factor, 2)) == wanted


def test_a_lambda_inside_of_another_is_not_taken_for_it():
    outer = lambda g, y, x: lambda g, y, x: g * 2
    assert read(outer(1, 1, 1)) == plain("x̄ = ȳ · 2")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (lambda g, y, x: g / (x / y), "ȳ / (x / y)"),
        (lambda g, y, x: g - (x - y), "ȳ - (x - y)"),
        (lambda g, y, x: g - (x + y) * 2, "ȳ - (x + y) · 2"),
        (lambda g, y, x: -(g + x), "-(ȳ + x)"),
        (lambda g, y, x: g - -x, "ȳ - (-x)"),
        (lambda g, y, x: g * -x, "ȳ · (-x)"),
        (lambda g, y, x: (-g) ** 2, "(-ȳ)²"),
        (lambda g, y, x: g**-x, "ȳ^(-x)"),
        (lambda g, y, x: g * x**-2, "ȳ · x⁻²"),
        (lambda g, y, x: g * x**0.5, "ȳ · x^0.5"),
        (lambda g, y, x: g * x * x * x, "ȳ · x³"),
        (lambda g, y, x: (g * x) @ y, "(ȳ · x) y"),
        (lambda g, y, x: g * (x @ y.T), "ȳ · x yᵀ"),
        (lambda g, y, x: (x @ g).T, "(x ȳ)ᵀ"),
        (lambda g, y, x: g * ((x > 0) & (x <= 6)), "ȳ · ([x > 0] ∧ [x ≤ 6])"),
        (lambda g, y, x: g * (0 < x < y), "ȳ · [0 < x < y]"),
        (lambda g, y, x: np.where(x > 0, g, 0.0), "(ȳ if x > 0, else 0)"),
        (lambda g, y, x: g if x.ndim > 1 else x, "ȳ"),
        (lambda g, y, x: g if x > 0 else -g, "(ȳ if x > 0, else -ȳ)"),
        (lambda g, y, x: g[..., None] * x[:, None], "ȳ · x"),
        (lambda g, y, x: g * x[1:], "ȳ · x[1:]"),
        (lambda g, y, x: g / x.size, "ȳ / n"),
        (lambda g, y, x: g / x.shape[0], "ȳ / n"),
        (lambda g, y, x: np.broadcast_to(g, x.shape), "ȳ"),
        (lambda g, y, x: g.sum(axis=0) * np.ones_like(x), "Σ(ȳ) · 1"),
        (lambda g, y, x: g * math.pi + np.pi, "ȳ · π + π"),
        (lambda g, y, x: g * 2.5e-7, "ȳ · 2.5 · 10⁻⁷"),
        (lambda g, y, x: g * np.linalg.inv(x), "ȳ · x⁻¹"),
        (lambda g, y, x: tg.exp(x) * abs(g), "exp(x) · |ȳ|"),
        (lambda g, y, x: g * x // 2, "⌊ȳ · x / 2⌋"),
        (lambda g, y, x: g * (x % 2), "ȳ · (x mod 2)"),
        (lambda g, y, x: g * ~(x > 0), "ȳ · ¬[x > 0]"),
        (lambda g, y, x: x.dot(g) * np.square(y + 1), "x ȳ · (y + 1)²"),
    ],
)
def test_expressions(rule, expected):
    assert read(rule) == plain(f"x̄ = {expected}")
    latex = formula_of(rule).latex
    assert latex.count("{") == latex.count("}")


def test_a_rule_without_source_says_so():
    made = eval("lambda g, y, x: g * x")
    assert read(made) == "the gradient is computed by lambda, <string>:1"


def test_a_rule_typed_at_the_prompt():
    typed = (
        "import tinygrad_lite as tg\n"
        "op = tg.Op('cube', lambda x: x**3, lambda g, y, x: 3 * g * x**2)\n"
        "print(ascii(op.formula.unicode))\n"
        "print((op(tg.Scalar(2.0)) * 2).line)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-i", "-q"], input=typed, capture_output=True, text=True, timeout=60
    )
    assert "the gradient is computed by lambda, <stdin>:1" in ran.stdout
    assert "<stdin>:1" in ran.stdout.splitlines()[-1]
