"""In-place changes: noticed at backward, with both lines; and no false alarms."""

import gc
import threading
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, memory, optim

SOURCE = Path(__file__).read_text().splitlines()


def leaf(*shape, dtype="float32"):
    return tg.tensor(np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape), dtype, True)


def line(text):
    """`file:number: line` of the only line of this file that ends with the comment `text`."""
    (number,) = [i for i, source in enumerate(SOURCE, 1) if source.endswith(f"# {text}")]
    return f"{__file__}:{number}: {SOURCE[number - 1].strip()}"


def assign(x):
    with tg.no_grad():
        x[...] = 2.0  # assign


def assign_a_part(x):
    with tg.no_grad():
        x[0] = 2.0  # assign a part


def add_to_a_part(x):
    with tg.no_grad():
        x[0] += 2.0  # add to a part


def subtract(x):
    with tg.no_grad():
        x -= 2.0  # subtract


def multiply(x):
    with tg.no_grad():
        x *= 2.0  # multiply


def through_a_reshaped_view(x):
    with tg.no_grad():
        x.reshape(-1)[0] = 2.0  # reshaped


def through_the_transpose(x):
    with tg.no_grad():
        x.T[...] = 2.0  # transpose


def through_a_slice(x):
    x.detach()[:1] += 2.0  # slice


def through_detach(x):
    x.detach()[...] = 2.0  # detach


def in_another_thread(x):
    def work():
        x.detach()[...] = 2.0  # thread

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


CHANGES = {
    "assign": assign,
    "assign a part": assign_a_part,
    "add to a part": add_to_a_part,
    "subtract": subtract,
    "multiply": multiply,
    "reshaped": through_a_reshaped_view,
    "transpose": through_the_transpose,
    "slice": through_a_slice,
    "detach": through_detach,
    "thread": in_another_thread,
}


@pytest.mark.parametrize(("where", "change"), CHANGES.items(), ids=CHANGES)
def test_an_operand_that_was_changed_is_named_with_both_lines(where, change):
    x = leaf(2, 3)
    y = x * x  # forward
    change(x)
    with pytest.raises(tg.GraphError) as caught:
        y.sum().backward()
    assert str(caught.value) == (
        "multiply: an array that it saved for its gradient was changed in place,\n"
        f"        by {line(where)}\n"
        "  got: operand 1 float32 (2, 3)\n"
        f"  at:  {line('forward')}\n"
        "  fix: call backward() before the change, or change a copy: x = x.at[...].set(...)"
    )
    assert x.grad is None


def lstm(x):
    state = tg.zeros(1, 2), tg.zeros(1, 2)
    return tg.lstm(x, *state, leaf(8, 3), leaf(8, 2), leaf(8), leaf(8))[0]


# the op, the array that its rule reads, given (operand, result)
SAVERS = {
    "exp": (lambda x: tg.exp(x), (2, 3), 1),
    "sqrt": (lambda x: tg.sqrt(x), (2, 3), 1),
    "sin": (lambda x: tg.sin(x), (2, 3), 0),
    "power": (lambda x: x**3, (2, 3), 0),
    "max": (lambda x: x.max(axis=0), (2, 3), 0),
    "matmul": (lambda x: x @ leaf(3, 2), (2, 3), 0),
    "linear": (lambda x: tg.linear(x, leaf(2, 3)), (2, 3), 0),
    "conv2d": (lambda x: tg.conv2d(x, leaf(1, 1, 2, 2)), (1, 1, 3, 3), 0),
    "lstm": (lstm, (1, 4, 3), 1),  # what the kernel keeps of x is a copy; of h, it is the result
    "layer_norm": (lambda x: F.layer_norm(x, 3, leaf(3)), (2, 3), 0),
    "softmax": (lambda x: F.softmax(x), (2, 3), 1),
}


@pytest.mark.parametrize(("name", "case"), SAVERS.items(), ids=SAVERS)
@pytest.mark.parametrize("create_graph", [False, True])
def test_whatever_a_rule_reads_is_watched(name, case, create_graph):
    f, shape, place = case
    x = leaf(*shape)
    y = f(x)
    with tg.no_grad():
        changed = (x, y)[place]
        changed[(0,) * changed.ndim] = 7.0
    with pytest.raises(tg.GraphError, match="changed in place"):
        y.sum().backward(create_graph=create_graph)


def test_a_reference_computes_with_what_a_kernel_has_done_with():
    x = leaf(2, 3)
    loss = tg.cross_entropy(x, [0, 1])
    with tg.no_grad():
        x[...] = 7.0
    loss.backward()  # the rule of the fused op reads only the probabilities
    with pytest.raises(tg.GraphError, match="cross_entropy: an array"):
        loss.backward(create_graph=True)


def test_the_weights_and_the_states_of_a_fused_op_are_watched():
    x, cell = leaf(1, 4, 3), layers.LSTM(3, 2)
    y, _ = cell(x)
    with tg.no_grad():
        next(cell.parameters())[0] = 1.0
    with pytest.raises(tg.GraphError, match=r"lstm: an array.*\n.*\n  got: operand \d float32"):
        y.sum().backward()


def test_an_index_is_watched():
    x, index = leaf(3), tg.tensor([0, 1])
    y = x[index] * 2
    index[0] = 2
    with pytest.raises(tg.GraphError, match=r"getitem: an array.*\n.*\n  got: parameter int64"):
        y.sum().backward()


def test_a_step_of_an_optimiser_between_two_backward_calls():
    model = layers.Sequential(layers.Dense(3, 4), layers.Tanh(), layers.Dense(4, 1))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    loss = model(leaf(5, 3)).sum()
    loss.backward()
    optimizer.step()  # step
    with pytest.raises(tg.GraphError) as caught:
        loss.backward()
    assert f"by {line('step')}" in str(caught.value)


def test_running_statistics_in_arrays_are_marked():
    mean, var = np.zeros(3, np.float32), np.ones(3, np.float32)
    y = leaf(3) * var
    F.batch_norm(leaf(4, 3), mean, var, training=True)
    with pytest.raises(tg.GraphError, match="multiply: an array"):
        y.sum().backward()


def test_running_statistics_in_tensors_leave_what_was_saved_as_it_was():
    mean, var = tg.zeros(3), tg.ones(3)
    x = leaf(3)
    y, before = x * var, memory.latest
    F.batch_norm(leaf(4, 3), mean, var, training=True)
    assert not (var.data == 1).any()
    assert memory.latest == before  # no vertex is asked about its arrays
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, 1)


def test_the_shape_of_what_a_gradient_needs_is_no_number():
    """Only changes of what the rule reads are errors; what is left is differentiated rightly."""
    x, y = leaf(3), leaf(3)
    z = x + y
    exponential = tg.exp(x)
    total = (z * 2).sum() + exponential.sum() + x[1:].sum() + x.mean() + x.reshape(3, 1).sum()
    expected = 2 + np.exp(x.data) + [0, 1, 1] + 1 / 3 + 1
    with tg.no_grad():
        z += 1.0
        x[...] = 5.0
        total *= 0.0
    total.backward()
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-6)
    np.testing.assert_array_equal(y.grad.data, [2, 2, 2])


def test_an_outline_of_an_array_lets_nothing_be_read():
    outline = memory._Outline(np.ones(2))
    assert (outline.shape, outline.ndim, outline.size, outline.dtype) == ((2,), 1, 2, "float64")
    assert len({outline}) == 1
    for read in (
        lambda: outline + 1,
        lambda: np.ones(2) * outline,
        lambda: np.where(outline, 1, 2),
        lambda: np.asarray(outline),
        lambda: outline == 1,
        lambda: outline != 1,
        lambda: outline > 0,
        lambda: bool(outline),
        lambda: outline[0],
    ):
        with pytest.raises(TypeError):
            read()


@pytest.mark.parametrize("kind", [tg.Scalar, lambda v: tg.tensor(v, requires_grad=True)])
def test_values_that_were_replaced_are_no_values_to_differentiate_with(kind):
    x = kind(2.0)
    y = x * x
    x.data = type(x.data)(5.0) if isinstance(x, tg.Scalar) else np.array(5.0, np.float32)
    y.backward()  # with the values of then
    assert x.grad.item() == 4
    with pytest.raises(tg.GraphError, match=r"multiply: .*\n.*assigning other values to its .data"):
        y.backward(create_graph=True)


def test_a_write_past_the_graph_is_noticed_only_where_it_is_looked_for():
    raw, x = np.ones(3), leaf(3, dtype="float64")
    quiet = (x * raw).sum()
    with tg.detect_anomaly():
        watched = x * raw  # watched
        harmless = x + raw
        raw[0] = 5
        x.numpy()[1] = 7
        harmless.sum().backward()
        with pytest.raises(tg.GraphError) as caught:
            watched.sum().backward()
    assert "past the graph: through .numpy()" in str(caught.value)
    assert "operand 2 float64 (3,)" in str(caught.value)
    assert line("watched") in str(caught.value)
    quiet.backward()
    assert x.grad.tolist() == [6, 2, 2]  # 1 of the harmless one; 5 is what is read now


# -- no false alarms ------------------------------------------------------------------------------


def test_a_change_before_the_forward_is_none():
    x = leaf(3)
    with tg.no_grad():
        x *= 2.0
    (x * x).sum().backward()
    np.testing.assert_allclose(x.grad.data, 2 * x.data)


def test_a_change_of_a_copy_is_none():
    x = leaf(3)
    y = (x * x).sum()
    for copy in (tg.tensor(x), tg.tensor(x.detach()), tg.tensor(x.numpy()), tg.ones_like(x)):
        copy[...] = 9.0
    x.at[0].set(4.0)
    y.backward()
    np.testing.assert_allclose(x.grad.data, 2 * x.data)


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop])
def test_training_loops(optimizer):
    model = layers.Sequential(layers.Dense(3, 4), layers.ReLU(), layers.Dense(4, 2))
    steps = optimizer(model.parameters(), lr=0.01)
    for _ in range(3):
        for _ in range(2):  # gradients of two batches add up
            tg.cross_entropy(model(tg.randn(5, 3)), [0, 1, 0, 1, 0]).backward()
        steps.step()
        steps.zero_grad()


def test_a_second_model_may_step_between_forward_and_backward():
    one, other = layers.Dense(3, 1), layers.Dense(3, 1)
    loss = (one(tg.ones(2, 3)) * other(tg.ones(2, 3)).detach()).sum()
    other(tg.ones(2, 3)).sum().backward()
    optim.SGD(other.parameters(), lr=0.1).step()
    loss.backward()


def test_loading_a_state_leaves_an_older_graph_alone():
    model = layers.Dense(3, 1)
    x = leaf(2, 3)
    loss, weight = model(x).sum(), model.weight.data.copy()
    model.load_state_dict({name: v * 2 for name, v in model.state_dict().items()})
    loss.backward()
    np.testing.assert_array_equal(x.grad.data, np.repeat(weight, 2, axis=0))


def test_an_rbm_trains():
    rbm = layers.RBM(4, 3, persistent=True)
    steps = optim.SGD(rbm.parameters(), lr=0.1)
    for _ in range(3):
        rbm.contrastive_divergence(tg.ones(5, 4)).backward()
        steps.step()
        steps.zero_grad()


def test_batch_norm_in_a_loop():
    mean, var, x = tg.zeros(3), tg.ones(3), leaf(4, 3)
    evaluated = F.batch_norm(x, mean, var)
    losses = [F.batch_norm(x, mean, var, training=True)[0].sum() for _ in range(3)]
    for loss in (*losses, evaluated.sum()):
        loss.backward()
    assert mean.data.any()


def test_an_id_may_be_used_again():
    """What is remembered of an array ends with it; its id is then another one's."""
    gc.collect()
    before = len(memory._changes)
    for _ in range(1000):
        x = tg.ones(3)
        y = leaf(3) * x
        x[0] = 2.0  # changed too early: `y` is never differentiated
        del x, y
        fresh, w = tg.ones(3), leaf(3)
        (w * fresh).sum().backward()
    del fresh
    assert len(memory._changes) <= before


def test_a_thread_does_not_disturb_another():
    stop = threading.Event()

    def change():
        x = tg.ones(3)
        while not stop.is_set():
            x += 1.0

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            x = leaf(3)
            (x * x).exp().sum().backward()
    finally:
        stop.set()
        thread.join()


def test_the_clock_never_runs_back():
    last = []

    def change():
        x, seen = tg.ones(1), 0
        for _ in range(500):
            x[0] = 1.0
            assert memory.latest > seen
            seen = memory.latest
        last.append(seen)

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(last) == 4
    assert memory.latest == max(last)


# -- assignment -----------------------------------------------------------------------------------


def test_assignment_does_what_numpys_does():
    values, x = np.arange(6.0).reshape(2, 3), tg.tensor(np.arange(6.0).reshape(2, 3))
    for index, value in [
        (0, 7),
        ((slice(None), 1), [1.5, 2.5]),
        (..., np.array([1, 2, 3])),
        ([1, 0], np.ones((2, 1))),
        (values > 3, -1.0),
        ((0, 0), np.float32(0.1)),
        ((1, 2), True),
        (None, 4.0),
        ([], 3.0),
    ]:
        values[index] = value
        x[index] = value
        np.testing.assert_array_equal(x.data, values)
    x[tg.tensor([0])] = tg.tensor([[5.0] * 3], "float64")
    assert x[0].tolist() == [5, 5, 5]


def test_numbers_keep_the_precision_of_the_array():
    x = tg.zeros(3, dtype="float64")
    x[0], x[1:] = 0.1, [0.2, 0.3]
    assert x.tolist() == [0.1, 0.2, 0.3]


def test_overlapping_memory():
    x = tg.arange(5)
    x[...] = x[::-1]
    assert x.tolist() == [4, 3, 2, 1, 0]
    x[1:] += x[:-1]
    assert x.tolist() == [4, 7, 5, 3, 1]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_integers_stay_integers(dtype):
    x = tg.tensor(np.array([7, 8]), dtype)
    buffer = x.data
    x[0] = 5
    x[1:] = [9]
    x += 1
    x *= 2
    x -= 1
    x //= 2
    x **= 2
    x %= 7
    assert x.data is buffer
    assert x.tolist() == [4, 4]
    assert x.dtype == dtype


def test_booleans_in_place():
    x = tg.tensor([True, False])
    x |= tg.tensor([False, True])
    x &= [True, False]
    x ^= True
    x[1] = False
    assert x.tolist() == [False, False]


def test_matrix_product_in_place():
    x = tg.eye(2)
    buffer = x.data
    x @= tg.ones(2, 2) * 3
    assert x.data is buffer
    assert x.tolist() == [[3, 3], [3, 3]]


def test_scalars_make_a_new_result():
    x = tg.ones(2)
    a = tg.Scalar(3.0)
    x += a
    x.sum().backward()
    assert a.grad.item() == 2
    boxes = tg.Tensor(np.array([tg.Scalar(1.0), tg.Scalar(2.0)]))
    boxes[0] = a
    assert boxes.data[0] is a
