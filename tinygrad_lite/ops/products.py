"""Products of vectors, matrices and tensors."""

from __future__ import annotations

import re
from functools import cache, partial
from string import ascii_letters
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite import kernels
from tinygrad_lite.broadcast import fit
from tinygrad_lite.errors import ArgumentError, ShapeError, message
from tinygrad_lite.op import Op, binary
from tinygrad_lite.ops.elementwise import multiply
from tinygrad_lite.ops.indexing import axes_of
from tinygrad_lite.ops.shape import expand_dims, moveaxis, roll, squeeze

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "cross",
    "dot",
    "einsum",
    "inner",
    "kron",
    "linear",
    "matmul",
    "outer",
    "tensordot",
    "vdot",
    "vecdot",
]


def _product(a: Any, b: Any) -> Any:
    """Return a @ b; of two arrays by the way that takes the least time."""
    if not type(a) is type(b) is np.ndarray or b.ndim != 2 or a.ndim < 2:
        return a @ b
    if a.ndim > 2:  # one large product in place of many small ones
        return _product(_rows(a), b).reshape(*a.shape[:-1], b.shape[1])
    if len(b) == 1 == a.shape[1] and kernels.pays(a.size * b.size):
        return kernels.dense.outer(a[:, 0], b[0])
    if kernels.multiplies(a, b):
        return kernels.gemm.gemm(a, b)
    return a.dot(b)  # returns three times sooner than matmul


def _of_left(g: Any, b: Any) -> Any:
    """Return the gradient of `a` in a @ b, where one of them is a vector."""
    return g[..., None] * b if b.ndim == 1 else (b @ g[..., None])[..., 0]


def _of_right(g: Any, a: Any, b: Any) -> Any:
    """Return the gradient of `b` in a @ b, where one of them is a vector."""
    return g[..., None] * a if b.ndim == 1 else a[:, None] * g[..., None, :]


matmul = binary(
    "matmul",
    _product,
    (
        lambda g, y, a, b: _product(g, b.mT) if a.ndim > 1 < b.ndim else _of_left(g, b),
        lambda g, y, a, b: _product(a.mT, g) if a.ndim > 1 < b.ndim else _of_right(g, a, b),
    ),
    elementwise=False,
    hint="the last axis of the first operand must be as long as the second last of the second",
    doc="Matrix product, (..., m, k) and (..., k, n) to (..., m, n); 1-d operands are vectors.",
)


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    y = _product(x, weight.T)
    if bias is not None:
        y += bias
    return y


_linear_op = Op(
    "linear",
    _linear,
    (
        lambda g, y, x, weight, bias=None: _product(g, weight),
        lambda g, y, x, weight, bias=None: _product(_rows(g).T, _rows(x)),
        lambda g, y, x, weight, bias=None: fit(g, bias),
    ),
    reference=lambda x, weight, *bias: sum(bias, x @ weight.T),
    hint="x needs as many features (last axis) as weight has columns: weight is (out, in)",
)


def _rows(x: Any) -> Any:
    """Merge all axes but the last."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Tensor:
    """Return x weightᵀ + bias.

    Shapes: x (..., in), weight (out, in), bias (out,) to (..., out); or without `out` everywhere.
    """
    if getattr(weight, "ndim", 2) == 1:
        y = matmul(x, weight)
        return y if bias is None else y + bias
    return _linear_op(x, weight) if bias is None else _linear_op(x, weight, bias)


# -- Einstein's summation -------------------------------------------------------------------------


def _einsum(*xs: Any, subscripts: str) -> Any:
    # finding the best order of products, and leaving them to BLAS, pays for larger operands only
    return np.einsum(subscripts, *xs, optimize=sum(np.size(x) for x in xs) > 2000)


def _einsum_gradient(k: int, g: Any, y: Any, *xs: Any, subscripts: str) -> Any:
    """Sum the products of ȳ with the other operands, into the subscripts of this one.

    Where a label stands twice in these, the gradient lies on a diagonal: a product with the
    identity puts it there. Where nothing else has a label, the gradient is constant along it.
    """
    *terms, out = re.split(",|->", subscripts)
    factors = [
        (out, g),
        *((t, x) for i, (t, x) in enumerate(zip(terms, xs, strict=True)) if i != k),
    ]
    fresh = (letter for letter in ascii_letters if letter not in subscripts)
    wanted = ""
    for label, n in zip(terms[k], xs[k].shape, strict=True):
        if label in wanted:
            copy = next(fresh)
            factors.append((label + copy, np.eye(n, dtype=g.dtype)))
            label = copy
        elif all(dict(zip(t, x.shape, strict=True)).get(label) != n for t, x in factors):
            factors.append((label, np.ones(n, g.dtype)))
        wanted += label
    subscripts = ",".join(t for t, _ in factors) + "->" + wanted
    return fit(_einsum_of(len(factors))(*(x for _, x in factors), subscripts=subscripts), xs[k])


@cache
def _einsum_of(count: int) -> Op:
    """Return the op for so many operands, each of which has its own rule."""
    return Op(
        "einsum",
        _einsum,
        tuple(partial(_einsum_gradient, k) for k in range(count)),
        hint="one term for each operand, one label for each of its axes, equal labels for equal "
        "lengths",
    )


def einsum(subscripts: str, *xs: ArrayLike) -> Tensor:
    """Sum products of elements over the labels that the result does not have.

    `"ij,jk->ik"` is the matrix product, `"ii"` the trace, `"...ij->...ji"` the transpose.

    Args:
        subscripts: a label for each axis of each operand; without `->`, the result has the labels
            that stand once, in alphabetic order. `...` stands for further axes, which broadcast.
        xs: the operands.

    Raises:
        ArgumentError: the subscripts are not text.
        ShapeError: subscripts and shapes do not go together.
    """
    if not isinstance(subscripts, str):
        raise ArgumentError(
            message("einsum", "subscripts are text", {"subscripts": subscripts}, fix='"ij,jk->ik"')
        )
    subscripts = subscripts.replace(" ", "")
    inputs, arrow, out = subscripts.partition("->")
    if not arrow:
        once = sorted(c for c in {*inputs} - {*",."} if inputs.count(c) == 1)
        out = "..." * ("..." in inputs) + "".join(once)
    # the axes of an ellipsis get labels of their own
    terms = inputs.split(",")
    free = [letter for letter in ascii_letters if letter not in subscripts]
    hidden = [np.ndim(x) - len(t.replace("...", "")) for t, x in zip(terms, xs, strict=False)]
    hidden = [max(n, 0) if "..." in t else 0 for n, t in zip(hidden, terms, strict=False)]
    longest = max(hidden, default=0)
    labels = "".join(free[:longest])
    terms = [
        t.replace("...", labels[longest - n :]) for t, n in zip(terms, hidden, strict=False)
    ] + terms[len(hidden) :]
    return _einsum_of(len(xs))(*xs, subscripts=f"{','.join(terms)}->{out.replace('...', labels)}")


def _tensordot_labels(a: Any, b: Any, axes: Any) -> dict[str, str]:
    """Return the subscripts of both operands and of the result."""
    of_a = [*ascii_letters[: a.ndim]]
    of_b = [*ascii_letters[a.ndim : a.ndim + b.ndim]]
    summed = (range(-axes, 0), range(axes)) if isinstance(axes, int) else map(np.atleast_1d, axes)
    for i, j in zip(*summed, strict=True):
        of_b[j] = of_a[i]
    out = [label for label in of_a + of_b if (label in of_a) != (label in of_b)]
    return {"a": "".join(of_a), "b": "".join(of_b), "out": "".join(out)}


_tensordot = Op(
    "tensordot",
    lambda a, b, axes: np.tensordot(a, b, axes),
    (
        lambda g, y, a, b, axes: einsum(
            "{out},{b}->{a}".format(**_tensordot_labels(a, b, axes)), g, b
        ),
        lambda g, y, a, b, axes: einsum(
            "{a},{out}->{b}".format(**_tensordot_labels(a, b, axes)), a, g
        ),
    ),
    hint="the axes that are summed over must be equally long in both operands",
)


def tensordot(a: ArrayLike, b: ArrayLike, axes: Any = 2) -> Tensor:
    """Sum products over axes of `a` and axes of `b`.

    Args:
        a: the first operand.
        b: the second operand.
        axes: two lists (or two numbers), the axes of `a` and those of `b`; or a number: so many
            last axes of `a` and first axes of `b`.

    Raises:
        ShapeError: the lengths of the axes differ, or there are no such axes.
    """
    return _tensordot(a, b, axes=axes)


# -- NumPy's other products -----------------------------------------------------------------------


def dot(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Sum products over the last axis of `a` and the second last (of a vector, the last) of `b`."""
    if not np.ndim(a) or not np.ndim(b):
        return multiply(a, b)
    if np.ndim(b) == 1 or np.ndim(a) <= 2 == np.ndim(b):
        return matmul(a, b)
    return tensordot(a, b, (-1, -2))


def inner(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Sum products over the last axes of both."""
    if not np.ndim(a) or not np.ndim(b):
        return multiply(a, b)
    return tensordot(a, b, (-1, -1))


def vdot(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Sum the products of all elements, in their order."""
    return matmul(np.reshape(a, -1), np.reshape(b, -1))


def vecdot(a: ArrayLike, b: ArrayLike, axis: int = -1) -> Tensor:
    """Sum products along `axis`; the other axes broadcast."""
    a, b = (moveaxis(x, axis, -1) if axis != -1 else x for x in (a, b))
    return squeeze(matmul(expand_dims(a, -2), expand_dims(b, -1)), (-1, -2))


def outer(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Multiply each element of `a` (rows) by each of `b` (columns)."""
    return multiply(np.reshape(a, (-1, 1)), np.reshape(b, -1))


def kron(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Multiply each element of `a` by all of `b`, which takes its place in the result."""
    ndim = max(np.ndim(a), np.ndim(b))
    of_a, of_b = ((1,) * (ndim - np.ndim(x)) + np.shape(x) for x in (a, b))
    blocks = np.reshape(a, [n for length in of_a for n in (length, 1)])
    block = np.reshape(b, [n for length in of_b for n in (1, length)])
    shape = tuple(m * n for m, n in zip(of_a, of_b, strict=True))
    return np.reshape(multiply(blocks, block), shape)  # type: ignore[arg-type, return-value]


def cross(a: ArrayLike, b: ArrayLike, axis: int = -1) -> Tensor:
    """Vector product of vectors of three elements along `axis`; the other axes broadcast.

    Raises:
        ShapeError: the vectors are not of three elements.
    """
    for x in (a, b):
        if np.shape(x)[axes_of("cross", x, axis)[0]] != 3:
            raise ShapeError(
                message(
                    "cross",
                    f"needs vectors of three elements along axis {axis}",
                    {"a": a, "b": b},
                    fix="choose the axis of the vectors, or add a third element of 0",
                )
            )
    return roll(a, -1, axis) * roll(b, 1, axis) - roll(a, 1, axis) * roll(b, -1, axis)
