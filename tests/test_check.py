"""gradcheck catches wrong rules."""

# ruff: noqa: E501 (one case a line)

import re

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


# -- what is said of the cause --------------------------------------------------------------------


def of_the_library(op):
    op.foreign = False  # whose rules' shapes are not checked at every call
    return op


def linear(rule):
    return tg.Op("linear", lambda x, b: x + b, rule), [leaf(4, 3), leaf(3)]


def square(rule, *shape):
    return tg.Op("square", lambda x: x * x, rule), [leaf(*(shape or (2, 3)))]


def mean(rule):
    return tg.Op("mean", lambda x: x.mean(axis=0), rule), [leaf(5, 3)]


def matmul(rule, *shapes):
    return tg.Op("product", lambda a, b: a @ b, rule), [
        leaf(*s) for s in shapes or [(2, 3), (3, 4)]
    ]


def at(values, op):
    return op, [tg.tensor(values, "float64", requires_grad=True)]


def all_but(k, values):
    return values * (np.arange(values.size).reshape(values.shape) != k)


CAUSES = [
    # the function and its inputs, the input that is wrong, what is said
    (square(lambda g, y, x: None), 0, "no gradient arrives"),
    ((lambda x: tg.tensor(x.data * 2, "float64") + 0 * x[0], [leaf(3)]), 0, "0 everywhere"),
    ((lambda x: x.detach() * 2, [leaf(3)]), 0, "no gradient arrives"),
    (square(lambda g, y, x: g * 0), 0, "0 everywhere"),
    (square(lambda g, y, x: -2 * g * x), 0, "the sign is wrong"),
    (square(lambda g, y, x: 4 * g * x, 3, 5), 0, "2 times .*: a factor too many"),
    (square(lambda g, y, x: 4 * g * x, 2, 3), 0, "2 times .*, and 2 is axis 0 of"),
    (square(lambda g, y, x: g * x, 3, 5), 0, "0.5 times .*: a factor 2 is missing"),
    (square(lambda g, y, x: 6.5 * g * x, 3, 5), 0, "3.25 times what it should be$"),
    (mean(lambda g, y, x: np.broadcast_to(g, x.shape)), 0, "5 times .* axis 0 of input 0: a mean's"),
    (linear(lambda g, y, x, b: (g, g.mean(axis=0))), 1, "0.25 times .* 4 is axis 0 of .* in place"),
    (linear(lambda g, y, x, b: (g, g[0])), 1, "only the first row of g .* sum over the batch"),
    (linear(lambda g, y, x, b: (g, g[-1])), 1, "only the last row of g .* sum over the batch"),
    (matmul(lambda g, y, a, b: (b @ g.T, a.T @ g), (3, 3), (3, 3)), 0, "transposed.*(1, 0)"),
    (matmul(lambda g, y, a, b: ((b @ g.T).reshape(a.shape), a.T @ g)), 0, "transposed"),
    (matmul(lambda g, y, a, b: (a.T @ g, a.T @ g), (3, 3), (3, 3)), 0, "of input 1: .* exchanged"),
    (square(lambda g, y, x: 2 * x), 0, "ignores the incoming gradient g"),
    (square(lambda g, y, x: all_but(0, 2 * g * x)), 0, "none arrives at \\(0, 0\\)$"),
    (square(lambda g, y, x: 2 * g * x * (np.arange(9) > 5), 9), 0, "none arrives at .*, \\(3,\\), …"),
    ((tg.Op("op", lambda x: x * x + x, lambda g, y, x: 2 * g * x), [leaf(2, 3)]), 0, "missing: g itself"),
    ((tg.Op("op", lambda x: x * x - x, lambda g, y, x: 2 * g * x), [leaf(2, 3)]), 0, "missing: minus g"),
    ((tg.Op("op", lambda a, b: a * b + a * a, lambda g, y, a, b: (g * b + g * a, g * a)), [leaf(3), leaf(2, 3)[1].detach().requires_grad_()]), 0, "missing: the gradient of input 1"),
    ((of_the_library(tg.Op("op", lambda x, b: x + b, lambda g, y, x, b: (g, g))), [leaf(4, 3), leaf(3)]), 1, "unbroadcast"),
    ((of_the_library(tg.Op("op", lambda x, b: x * b, lambda g, y, x, b: (g * b, g * x))), [leaf(4, 3), leaf(4, 1)]), 1, "unbroadcast"),
    ((of_the_library(tg.Op("op", lambda x: x.sum(axis=0), lambda g, y, x: g)), [leaf(4, 3)]), 0, "not repeated"),
    ((of_the_library(tg.Op("op", lambda x: x * 2, lambda g, y, x: g.reshape(6))), [leaf(2, 3)]), 0, "has shape \\(6,\\), not the input's \\(2, 3\\)"),
    (at([0.0, 1.0], tg.Op("sqrt", lambda x: x * x, lambda g, y, x: 2 * g * x * x / x)), 0, "nan at \\(0,\\)"),
    (at([0.0, 1.0], tg.Op("relu", lambda x: np.maximum(x, 0), lambda g, y, x: g * (x > 0))), 0, "kink at \\(0,\\): its slope is 0 on the left and .* on the right"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "number", "cause"), CAUSES)
def test_the_likely_cause_is_named(case, number, cause):
    with np.errstate(all="ignore"), pytest.raises(tg.GradientError) as caught:
        tg.gradcheck(*case)
    text = str(caught.value)
    assert f"input {number} " in text
    said = re.search(r"\n  likely cause: (.*)", text)
    assert said, text
    assert re.search(cause, said[1]), said[1]


@pytest.mark.parametrize(
    "case",
    [
        square(lambda g, y, x: g * x**2),
        square(lambda g, y, x: 2 * g * x + 0.1),
        square(lambda g, y, x: 2.7 * g * x, 1),  # of one number anything is a multiple
        matmul(lambda g, y, a, b: (g @ b.T + a, a.T @ g)),
        at(
            [0.0, 1.0],
            tg.Op(
                "relu", lambda x: np.maximum(x, 0), lambda g, y, x: g * (x > 0) + 5 * g * (x == 0)
            ),
        ),
        at(
            [0.0, 1.0],
            tg.Op("relu", lambda x: np.maximum(x, 0), lambda g, y, x: g * (x > 0) * 1.5 + g),
        ),
    ],
)
def test_no_cause_is_claimed_where_none_fits(case):
    with pytest.raises(tg.GradientError) as caught:
        tg.gradcheck(*case)
    assert "likely cause" not in str(caught.value)


def test_the_cause_is_named_at_the_second_order_too():
    def frozen(g, y, x):
        return g * 3 * (x.data if isinstance(x, tg.Tensor) else x) ** 2

    cube = tg.Op("cube", lambda x: x**3, frozen)
    with pytest.raises(tg.GradientError, match=r"order 2(.|\n)*likely cause: no gradient arrives"):
        tg.gradcheck(lambda x: cube(x).sum(), leaf(3), order=2)


def test_a_random_function_is_told_from_a_wrong_rule():
    with pytest.raises(tg.ArgumentError, match="not repeatable"):
        tg.gradcheck(lambda x: tg.functional.dropout(x), leaf(30))

    def seeded(x):
        tg.seed(0)
        return tg.functional.dropout(x)

    assert tg.gradcheck(seeded, leaf(30))


def test_inputs_are_numbered_as_they_are_passed():
    wrong = tg.Op("op", lambda a, b: a * b, lambda g, y, a, b: (g * b, 3 * g * a))
    with pytest.raises(tg.GradientError, match="input 1 "):
        tg.gradcheck(wrong, [tg.ones(2, dtype="float64"), leaf(2)])
