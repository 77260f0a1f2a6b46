"""Corners of `tg.linalg` that the table of all ops does not meet."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import linalg


def leaf(values):
    return tg.tensor(values, "float64", requires_grad=True)


def gradient(f, values):
    x = leaf(values)
    f(x).sum().backward()
    return x.grad.data


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize(
    ("f", "operands"),
    [
        (np.linalg.norm, [random(3)]),
        (np.linalg.inv, [random(2, 2)]),
        (np.linalg.pinv, [random(2, 3)]),
        (np.linalg.det, [random(2, 2)]),
        (np.linalg.slogdet, [random(2, 2)]),
        (np.linalg.solve, [random(2, 2), random(2)]),
        (np.linalg.cholesky, [np.eye(2)]),
        (np.linalg.eigh, [np.diag([1.0, 2.0])]),
        (np.linalg.eigvalsh, [np.eye(2)]),
        (np.linalg.qr, [random(3, 2)]),
        (np.linalg.svd, [random(2, 2)]),
        (np.linalg.svdvals, [random(3, 2)]),
        (lambda a: np.linalg.matrix_power(a, 3), [random(2, 2)]),
    ],
)
def test_calls_of_numpy_stay_on_the_graph(f, operands):
    found, wanted = f(*map(leaf, operands)), f(*operands)
    if not isinstance(wanted, tuple):
        found, wanted = [found], [wanted]
    elif hasattr(wanted, "_fields"):
        assert found._fields == wanted._fields
    for y, want in zip(found, wanted, strict=True):
        assert y.requires_grad
        np.testing.assert_allclose(y.data, want, rtol=1e-12)


def test_numpys_other_functions_of_the_same_names_are_not_mistaken():
    """numpy.linalg.trace is of the last two axes, numpy.trace of the first two."""
    with pytest.raises(tg.GraphError):
        np.linalg.trace(tg.ones(2, 3, 3))
    assert np.trace(tg.ones(2, 3, 3)).shape == (3,)


@pytest.mark.parametrize("order", [None, 2, 3, 1, np.inf])
def test_the_gradient_of_a_norm_at_the_zero_vector_is_0(order):
    np.testing.assert_array_equal(gradient(lambda x: linalg.norm(x, order), [0.0, 0.0]), [0, 0])


def test_the_norm_of_order_0_counts_and_has_no_gradient():
    y = linalg.norm(leaf([[0.0, 2.0, 0.0], [1.0, 0.0, -1.0]]), 0, axis=1, keepdims=True)
    assert y.tolist() == [[1.0], [2.0]]
    assert not y.requires_grad


def test_norms_of_some_zero_rows():
    x = [[3.0, 4.0], [0.0, 0.0]]
    found = gradient(lambda x: linalg.norm(x, axis=1), x)
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.0, 0.0]])


@pytest.mark.parametrize("order", [None, 1, 2, 3, np.inf, -np.inf])
def test_norms_of_scalars(order):
    x = leaf(random(4))
    linalg.norm(x, order).backward()
    kept, x.grad = x.grad, None
    linalg.norm(tg.tensor(x.scalars()), order).backward()
    np.testing.assert_allclose(x.grad.data, kept.data)


@pytest.mark.parametrize(
    ("a", "cofactors"),
    [
        ([[1.0, 2.0], [2.0, 4.0]], [[4.0, -2.0], [-2.0, 1.0]]),
        ([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]], np.diag([0.0, 0.0, 2.0])),
        (np.zeros((3, 3)), np.zeros((3, 3))),
        ([[0.0]], [[1.0]]),
    ],
)
def test_the_gradient_of_the_determinant_of_a_singular_matrix(a, cofactors):
    np.testing.assert_allclose(gradient(linalg.det, a), cofactors, atol=1e-15)


def test_slogdet_does_not_overflow():
    sign, logarithm = linalg.slogdet(tg.eye(200) * -1e-3)
    assert (sign.item(), logarithm.item()) == (1.0, pytest.approx(200 * np.log(1e-3)))


def test_equal_eigenvalues():
    """Their own gradient is fine; that of their vectors, which are arbitrary, is not finite."""
    np.testing.assert_array_equal(gradient(linalg.eigvalsh, np.eye(2)), np.eye(2))
    with np.errstate(all="ignore"):
        found = gradient(lambda a: linalg.eigh(a).eigenvectors, np.eye(2))
    assert not np.isfinite(found).any()


def test_equal_singular_values():
    np.testing.assert_allclose(gradient(linalg.svdvals, np.eye(3, 2)), np.eye(3, 2))


def test_full_matrices():
    a = random(4, 2)
    for y, want in zip(linalg.svd(tg.tensor(a)), np.linalg.svd(a), strict=True):
        np.testing.assert_array_equal(y.data, want)
    assert linalg.svd(leaf(a), compute_uv=False).requires_grad


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3), (2, 3, 2)])
def test_decompositions_compose_to_the_identity(shape):
    """Whatever the signs of their vectors: so the gradient of the product is that of `a`."""
    weight = random(*shape)

    def by_svd(a):
        u, s, vh = linalg.svd(a, full_matrices=False)
        return (u * s[..., None, :]) @ vh * weight

    def by_qr(a):
        q, r = linalg.qr(a)
        return q @ r * weight

    a = np.cos(random(*shape))
    np.testing.assert_allclose(gradient(by_svd, a), weight, rtol=1e-9)
    np.testing.assert_allclose(gradient(by_qr, a), weight, rtol=1e-9)


@pytest.mark.parametrize("rows", [2, 3])
def test_pinv_of_a_matrix_of_lower_rank(rows):
    """Along directions that keep the rank, here that of u vᵀ."""
    u, v = leaf(random(rows)), leaf(random(2))
    tg.gradcheck(lambda u, v: linalg.pinv(tg.outer(u, v)), [u, v], order=2)


def test_the_power_0_is_the_identity_on_the_graph():
    y = linalg.matrix_power(leaf(random(2, 3, 3)), 0)
    np.testing.assert_array_equal(y.data, np.broadcast_to(np.eye(3), (2, 3, 3)))
    assert y.requires_grad


def test_integers():
    assert linalg.inv(tg.tensor([[2, 0], [0, 4]])).dtype == "float32"


def test_the_hessian_of_a_quadratic_form_through_solve():
    """The second derivative of bᵀ A⁻¹ b by b is 2 A⁻¹ for a symmetric A."""
    a, b = np.diag([2.0, 4.0]) + 1.0, leaf([1.0, -1.0])
    y = tg.vdot(b, linalg.solve(a, b))
    y.backward(create_graph=True)
    first, b.grad = b.grad, None
    first[0].backward()
    np.testing.assert_allclose(b.grad.data, 2 * np.linalg.inv(a)[0])
