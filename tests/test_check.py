"""gradcheck catches wrong rules."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.broadcast import fit


def leaf(*shape):
    values = np.random.default_rng(3).standard_normal(shape)
    return tg.tensor(values, "float64", requires_grad=True)


def product(rule):
    return tg.Op("product", lambda a, b: a @ b, rule)


RIGHT = product(lambda g, y, a, b: (g @ b.T, a.T @ g))
WRONG = {
    "transposed": product(lambda g, y, a, b: ((b @ g.T), a.T @ g)),
    "factor 2": product(lambda g, y, a, b: (2 * g @ b.T, a.T @ g)),
    "sign": product(lambda g, y, a, b: (g @ b.T, -(a.T @ g))),
    "no gradient": product(lambda g, y, a, b: (g @ b.T, None)),
    "ignores the incoming gradient": product(
        lambda g, y, a, b: (np.ones(g.shape) @ b.T, a.T @ np.ones(g.shape))
    ),
    "slightly off": product(lambda g, y, a, b: (g @ b.T * 1.0001, a.T @ g)),
    "nan": product(lambda g, y, a, b: (g @ b.T * np.nan, a.T @ g)),
}


def test_a_right_rule_passes():
    assert tg.gradcheck(RIGHT, [leaf(2, 2), leaf(2, 2)], order=2)


@pytest.mark.parametrize("mistake", WRONG)
def test_wrong_rules_are_caught(mistake):
    with pytest.raises(tg.GradientError):
        tg.gradcheck(WRONG[mistake], [leaf(2, 2), leaf(2, 2)])


def test_a_missing_sum_over_the_broadcast_axis_is_caught():
    add = tg.Op("add", lambda a, b: a + b, lambda g, y, a, b: (fit(g, a), g[0]))
    with pytest.raises(tg.GradientError, match="input 1"):
        tg.gradcheck(add, [leaf(2, 3), leaf(3)])


def test_a_wrong_second_order_passes_the_first_and_is_caught_by_the_second():
    def frozen(g, y, x):
        x = x.data if isinstance(x, tg.Tensor) else x  # right, but constant: has no derivative
        return g * 3 * x**2

    cube = tg.Op("cube", lambda x: x**3, frozen)
    assert tg.gradcheck(cube, leaf(3))
    with pytest.raises(tg.GradientError, match="order 2"):
        tg.gradcheck(cube, leaf(3), order=2)


def test_a_wrong_entry_is_named_with_both_numbers():
    third = np.array([1, 1, 1.5])
    op = tg.Op("op", lambda x: x * 1.0, lambda g, y, x: g * third)
    x = leaf(2, 3)
    with pytest.raises(tg.GradientError) as caught:
        tg.gradcheck(lambda x: op(x)[0], x)
    weight = np.random.default_rng(0).standard_normal(3)[2]
    for part in ("input 0", "float64 (2, 3)", "(0, 2)", f"{weight * 1.5:.5f}", f"{weight:.5f}"):
        assert part in str(caught.value)


def test_the_worst_entry_is_named():
    op = tg.Op("op", lambda x: x * 1.0, lambda g, y, x: g * np.array([1.001, 1.5, 1.001]))
    with pytest.raises(tg.GradientError, match=r"\(1,\)"):
        tg.gradcheck(op, leaf(3))


def test_inputs_are_put_back_and_keep_no_gradient():
    x = leaf(2, 2)
    before = x.data.copy()
    tg.gradcheck(lambda x: x * x, x, order=2)
    np.testing.assert_array_equal(x.data, before)
    assert x.grad is None


def test_several_results_and_constants():
    constant = tg.tensor([2.0, 3.0], "float64")
    tg.gradcheck(lambda x, c: (x * c, [x.sum(), x.argmax()]), [leaf(2), constant], order=2)


def test_a_result_that_depends_on_nothing():
    tg.gradcheck(lambda x: tg.zeros(2, dtype="float64"), leaf(2), order=2)


def test_closures_and_no_grad_do_not_matter():
    x, w = leaf(2), leaf(2)
    with tg.no_grad():
        tg.gradcheck(lambda x: x * x * w, x, order=2)


def test_results_in_float32_cannot_pass_unnoticed():
    with pytest.raises(tg.DTypeError):
        tg.gradcheck(lambda x: x.astype("float32"), leaf(2))
