"""Linear algebra under the names of numpy.linalg, on the last two axes; leading ones are a batch.

The rules are those of Giles (2008), "Collected matrix derivative results for forward and reverse
mode algorithmic differentiation", where no other source is named. They are written in functions
that can be differentiated themselves, and so hold for every order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_lite.errors import ArgumentError, message
from tinygrad_lite.modes import is_grad_enabled
from tinygrad_lite.op import Op
from tinygrad_lite.ops import reduce
from tinygrad_lite.ops.elementwise import absolute, astype, multiply
from tinygrad_lite.ops.indexing import axes_of, getitem
from tinygrad_lite.ops.products import matmul
from tinygrad_lite.ops.shape import concatenate, expand_dims, matrix_transpose, moveaxis, squeeze

if TYPE_CHECKING:
    from tinygrad_lite.ops.reduce import Axis
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "cholesky",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "matrix_power",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
]


class SlogdetResult(NamedTuple):
    """Sign of the determinant, and logarithm of its absolute value."""

    sign: Any
    logabsdet: Any


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """Orthonormal columns, and an upper triangle."""

    Q: Any
    R: Any


class SVDResult(NamedTuple):
    """Left vectors as columns, singular values in descending order, right vectors as rows."""

    U: Any
    S: Any
    Vh: Any


def _eye(like: Any) -> Any:
    """Return the identity as large as the last axis of `like`."""
    return np.eye(like.shape[-1], dtype=like.dtype)


def _symmetric(x: Any) -> Any:
    return 0.5 * (x + x.mT)


# -- inverses and determinants --------------------------------------------------------------------

_inv = Op(
    "inv",
    lambda a: np.linalg.inv(a),
    lambda g, y, a: -y.mT @ g @ y.mT,
    hint="a must be square and invertible: add a small multiple of the identity, or use pinv",
)
_solve: Op = Op(
    "solve",
    lambda a, b: np.linalg.solve(a, b),
    (
        lambda g, y, a, b: -_solve(a.mT, g) @ y.mT,  # type: ignore[has-type]
        lambda g, y, a, b: _solve(a.mT, g),
    ),
    broadcasts=True,
    hint="a must be square and invertible (add a small multiple of the identity, or use pinv), "
    "and b have as many rows",
)
_pinv = Op(
    "pinv",
    lambda a, rcond: np.linalg.pinv(a, rcond),
    lambda g, y, a, rcond: (
        (g.mT - a @ (y @ g.mT)) @ y @ y.mT + y.mT @ y @ (g.mT - (g.mT @ y) @ a) - y.mT @ g @ y.mT
    ),
    hint="a needs two axes at least, and finite elements",
)


def _cofactors_by_svd(a: Any) -> Any:
    u, s, vh = np.linalg.svd(a)
    others = np.where(_eye(s) == 1, 1, s[..., None, :]).prod(axis=-1)  # than each singular value
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return (u * (sign[..., None] * others)[..., None, :]) @ vh


# the transpose of the adjugate; its own rule needs an invertible matrix, it itself does not
_cofactors = Op(
    "cofactors",
    _cofactors_by_svd,
    lambda g, y, a: (
        ((g * y).sum(axis=(-2, -1), keepdims=True) * y - y @ g.mT @ y) / det(a)[..., None, None]
    ),
)
_det = Op(
    "det",
    lambda a: np.linalg.det(a),
    lambda g, y, a: g[..., None, None] * _cofactors(a),
    hint="a must be square",
)
_slogdet = Op(
    "slogdet",
    lambda a: tuple(np.linalg.slogdet(a)),
    lambda g, y, a: None if g[1] is None else g[1][..., None, None] * inv(a).mT,
    hint="a must be square",
)


def inv(a: ArrayLike) -> Tensor:
    """Inverse of square matrices.

    Raises:
        ShapeError: a matrix is singular, or not square.
    """
    return _inv(a)


def solve(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Solve a x = b for x.

    Shapes: a (..., n, n); b (n,), else (..., n, k); leading axes broadcast.

    Raises:
        ShapeError: a matrix is singular, or the shapes do not go together.
    """
    if np.ndim(b) == 1:  # type: ignore[arg-type]
        return squeeze(_solve(a, expand_dims(b, 1)), -1)
    return _solve(a, b)


def pinv(a: ArrayLike, rcond: float | None = None) -> Tensor:
    """Pseudo-inverse of Moore and Penrose; has a gradient where the rank does not change nearby.

    Its rule is that of Golub & Pereyra (1973), "The differentiation of pseudo-inverses and
    nonlinear least squares problems whose variables separate".

    Args:
        a: matrices, (..., m, n).
        rcond: singular values below this part of the largest count as zero; 1e-15 by default.
    """
    return _pinv(a, rcond=rcond)


def det(a: ArrayLike) -> Tensor:
    """Determinant of square matrices.

    The gradient is the matrix of cofactors, also where `a` is singular; the second derivative is
    not finite there.
    """
    return _det(a)


def slogdet(a: ArrayLike) -> SlogdetResult:
    """Sign and logarithm of the determinant of square matrices, without its overflow.

    Raises:
        ShapeError: a matrix is not square; or singular, when its gradient is computed.
    """
    return SlogdetResult(*_slogdet(a))


def matrix_power(a: ArrayLike, n: int) -> Tensor:
    """Multiply a square matrix `n` times by itself; its inverse where `n` is negative.

    Raises:
        ArgumentError: `n` is no integer.
        ShapeError: a matrix is not square; or singular, where `n` is negative.
    """
    if not isinstance(n, int):
        raise ArgumentError(
            message("matrix_power", f"n={n!r} is no integer", {"a": a}, fix="pass an int")
        )
    if n < 0:
        return matrix_power(inv(a), -n)
    if n == 0:
        zero = multiply(a, 0.0)
        return zero + _eye(zero)
    if n == 1:
        return a  # type: ignore[no-any-return]
    half = matrix_power(a, n // 2)
    whole = matmul(half, half)
    return matmul(whole, a) if n % 2 else whole


# -- decompositions -------------------------------------------------------------------------------

_cholesky = Op(
    "cholesky",
    lambda a: np.linalg.cholesky(a),
    # L⁻ᵀ Φ(Lᵀ ḡ) L⁻¹, where Φ takes the lower triangle and half of the diagonal
    lambda g, y, a: _symmetric(
        _solve(y.mT, _solve(y.mT, (np.tril(y.mT @ g) * (1.0 - 0.5 * _eye(y))).mT).mT)
    ),
    hint="a must be symmetric and positive definite: add a small multiple of the identity",
)


def _inverse_gaps(x: Any) -> Any:
    """Return 1 / (x_j - x_i), 0 where i = j."""
    return 1.0 / (x[..., None, :] - x[..., None] + _eye(x)) - _eye(x)


def _eigh_rule(g: Any, y: Any, a: Any, uplo: str) -> Any:
    """ā = V (diag(w̄) + F · (Vᵀ V̄)) Vᵀ, made symmetric, where F_ij = 1 / (w_j - w_i)."""
    (gw, gv), (w, v) = g, y
    inner: Any = 0.0
    if gw is not None:
        inner = inner + gw[..., None] * _eye(w)
    if gv is not None:
        inner = inner + _inverse_gaps(w) * (v.mT @ gv)
    return _symmetric(v @ inner @ v.mT)


_eigh = Op(
    "eigh",
    lambda a, uplo: tuple(np.linalg.eigh(a, uplo)),
    _eigh_rule,
    hint="a must be square, symmetric and finite; UPLO is L or U",
)


def _qr_rule(g: Any, y: Any, a: Any) -> Any:
    """ā = (Q̄ + Q (tril(M) + tril(M, -1)ᵀ)) R⁻ᵀ, where M = R R̄ᵀ - Q̄ᵀ Q."""
    q, r = y
    gq, gr = (x * 0.0 if gx is None else gx for gx, x in zip(g, (q, r), strict=True))
    m = r @ gr.mT - gq.mT @ q
    return _solve(r, (gq + q @ (np.tril(m) + np.tril(m, -1).mT)).mT).mT


_qr = Op(
    "qr",
    lambda a: tuple(np.linalg.qr(a)),
    _qr_rule,
    hint="a needs two axes at least",
)


def _svd_rule(g: Any, y: Any, a: Any) -> Any:
    """ā = U (diag(s̄) + (F · (Uᵀ Ū - Ūᵀ U)) S + S (F · (Vᵀ V̄ - V̄ᵀ V))) Vᵀ, and what of Ū and V̄ lies
    outside of the planes of U and V, where F_ij = 1 / (s_j² - s_i²).
    """
    (gu, gs, gvh), (u, s, vh) = g, y
    inner: Any = 0.0
    outer: Any = 0.0
    if gs is not None:
        inner = inner + gs[..., None] * _eye(s)
    if gu is not None:
        turn = u.mT @ gu
        inner = inner + _inverse_gaps(s * s) * (turn - turn.mT) * s[..., None, :]
        if u.shape[-2] > u.shape[-1]:
            outer = outer + ((gu - u @ turn) / s[..., None, :]) @ vh
    if gvh is not None:
        turn = vh @ gvh.mT
        inner = inner + s[..., None] * _inverse_gaps(s * s) * (turn - turn.mT)
        if vh.shape[-1] > vh.shape[-2]:
            outer = outer + (u / s[..., None, :]) @ (gvh - turn.mT @ vh)
    return u @ inner @ vh + outer


_svd = Op(
    "svd",
    lambda a: tuple(np.linalg.svd(a, full_matrices=False)),
    _svd_rule,
    hint="a needs two axes at least, and finite elements",
)


def cholesky(a: ArrayLike, *, upper: bool = False) -> Tensor:
    """Lower triangle L with L Lᵀ = a, for symmetric and positive definite matrices.

    Only the lower triangle of `a` is read (the upper one if `upper`), but the gradient is that of
    symmetric matrices: symmetric too (Murray 2016, "Differentiation of the Cholesky
    decomposition").

    Args:
        a: matrices, (..., n, n).
        upper: return Lᵀ instead.

    Raises:
        ShapeError: a matrix is not positive definite, or not square.
    """
    return _cholesky(matrix_transpose(a)).mT if upper else _cholesky(a)  # type: ignore[no-any-return]


def eigh(a: ArrayLike, UPLO: str = "L") -> EighResult:  # noqa: N803
    """Eigenvalues, ascending, and eigenvectors (columns) of symmetric matrices.

    Only the triangle `UPLO` of `a` is read, but the gradient is that of symmetric matrices:
    symmetric too. Eigenvectors of equal eigenvalues are arbitrary and have no gradient: it is not
    finite. The eigenvalues' gradient does not suffer from that. A result must not depend on the
    signs of eigenvectors.

    Raises:
        ShapeError: a matrix is not square.
    """
    return EighResult(*_eigh(a, uplo=UPLO))


def eigvalsh(a: ArrayLike, UPLO: str = "L") -> Tensor:  # noqa: N803
    """Eigenvalues of symmetric matrices in ascending order; see `eigh`."""
    return eigh(a, UPLO).eigenvalues  # type: ignore[no-any-return]


def qr(a: ArrayLike, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and the upper triangle R of a = Q R.

    The rule is that of Seeger et al. (2017), "Auto-differentiating linear algebra". In backward,
    the first min(m, n) columns of `a` must be independent.

    Args:
        a: matrices, (..., m, n).
        mode: "reduced", with min(m, n) columns in Q; "r" returns only R.

    Raises:
        ArgumentError: another mode.
        ShapeError: `a` is not a matrix; in backward, columns are dependent.
    """
    if mode not in ("reduced", "r"):
        raise ArgumentError(
            message("qr", f"mode={mode!r} is not implemented", {"a": a}, fix="use reduced or r")
        )
    m, n = np.shape(a)[-2:] if np.ndim(a) > 1 else (0, 0)  # type: ignore[arg-type]
    if m < n:  # the columns beyond are what Q makes of them
        q, r = _qr(getitem(a, (..., slice(m))))
        r = concatenate([r, q.mT @ getitem(a, (..., slice(m, None)))], axis=-1)
    else:
        q, r = _qr(a)
    return r if mode == "r" else QRResult(q, r)


def svd(a: ArrayLike, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular values S, descending, and vectors: a = U diag(S) Vh.

    The rule is that of Townsend (2016), "Differentiating the singular value decomposition". Vectors
    of equal singular values are arbitrary and have no gradient: it is not finite; nor is it for
    vectors of a singular value of 0, unless `a` is square. The values' gradient does not suffer
    from that. A result must not depend on the signs of vectors.

    Args:
        a: matrices, (..., m, n).
        full_matrices: return all m left and all n right vectors instead of min(m, n). The further
            ones are arbitrary, so that there is no gradient, unless `a` is square.
        compute_uv: False returns only S.

    Raises:
        ArgumentError: a gradient is required of further vectors.
        ShapeError: `a` is not a matrix, or not finite.
    """
    if not compute_uv:
        return svdvals(a)
    if not full_matrices or np.ndim(a) < 2 or len({*np.shape(a)[-2:]}) == 1:  # type: ignore[arg-type]
        return SVDResult(*_svd(a))
    if is_grad_enabled() and getattr(a, "requires_grad", False):
        raise ArgumentError(
            message(
                "svd",
                "the vectors that full_matrices adds are arbitrary and have no gradient",
                {"a": a},
                fix="pass full_matrices=False; or take a.detach()",
            )
        )
    return SVDResult(*_full_svd(a))


_full_svd = Op("svd", lambda a: tuple(np.linalg.svd(a)), hint=_svd.hint)


def svdvals(a: ArrayLike) -> Tensor:
    """Singular values in descending order; see `svd`."""
    return _svd(a)[1]


# -- norms ----------------------------------------------------------------------------------------

_euclidean = Op(
    "norm",
    lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)),
    # at the zero vector, where there is no gradient, it counts as 0
    lambda g, y, x, axis, keepdims: (
        reduce.spread(g, x, axis, keepdims) * x / reduce.spread(y + (y == 0), x, axis, keepdims)
    ),
)


def _power_norm(x: Any, p: float) -> Any:
    total = reduce.sum(absolute(x) ** p, -1)
    zero = total == 0
    return (total + zero) ** (1 / p) - zero  # whose gradient counts as 0 at the zero vector


_VECTOR_NORMS: dict[Any, Any] = {
    np.inf: lambda x: reduce.max(absolute(x), -1),
    -np.inf: lambda x: reduce.min(absolute(x), -1),
    0: lambda x: reduce.sum(astype(x != 0, x.dtype), -1),
    1: lambda x: reduce.sum(absolute(x), -1),
    2: lambda x: _euclidean(x, axis=-1, keepdims=False),
}
_MATRIX_NORMS: dict[Any, Any] = {
    "fro": lambda x: _euclidean(x, axis=(-2, -1), keepdims=False),
    "nuc": lambda x: reduce.sum(svdvals(x), -1),
    np.inf: lambda x: reduce.max(reduce.sum(absolute(x), -1), -1),
    -np.inf: lambda x: reduce.min(reduce.sum(absolute(x), -1), -1),
    1: lambda x: reduce.max(reduce.sum(absolute(x), -2), -1),
    -1: lambda x: reduce.min(reduce.sum(absolute(x), -2), -1),
    2: lambda x: reduce.max(svdvals(x), -1),
    -2: lambda x: reduce.min(svdvals(x), -1),
}


def norm(
    x: ArrayLike,
    ord: float | str | None = None,
    axis: Axis = None,
    keepdims: bool = False,
) -> Tensor:
    """Norm of vectors (one axis) or matrices (two axes).

    Args:
        x: the array.
        ord: None: the root of the sum of squares. Of vectors: inf and -inf, the largest and the
            smallest absolute value; 0, how many are not 0 (without gradient); another number p,
            (Σ|x|^p)^(1/p).
            Of matrices: "fro" as None; "nuc", the sum of singular values; 2 and -2, the largest and
            the smallest of them; 1, -1 (inf, -inf), the same of the columns' (rows') sums of |x|.
        axis: the axis of the vectors or the two of the matrices; all by default.
        keepdims: leave the axes, with length 1.

    Raises:
        ArgumentError: there is no such norm for so many axes.
        ShapeError: there is no such axis.
    """
    ndim = np.ndim(x)  # type: ignore[arg-type]
    axes = tuple(range(ndim)) if axis is None else axes_of("norm", x, axis)
    if ord is None:
        return _euclidean(x, axis=axes, keepdims=keepdims)
    known = {1: _VECTOR_NORMS, 2: _MATRIX_NORMS}.get(len(axes), {})
    if ord not in known and (len(axes) != 1 or isinstance(ord, str)):
        raise ArgumentError(
            message(
                "norm",
                f"there is no norm ord={ord!r} over {len(axes)} axes",
                {"x": x},
                fix="name one axis for norms of vectors, two for those of matrices",
            )
        )
    last = moveaxis(x, axes, tuple(range(-len(axes), 0)))
    y = known[ord](last) if ord in known else _power_norm(last, ord)  # type: ignore[arg-type]
    return expand_dims(y, sorted(axes)) if keepdims else y  # type: ignore[no-any-return]
