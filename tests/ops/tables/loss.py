"""Ops of regression.py, probability.py, classification.py, margin.py and ctc.py."""

import math
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests import naive
from tests.ops.strategies import POSITIVE, UNIT, Entry, one

REDUCTION = st.sampled_from(["mean", "sum", "none"])
WEIGHTS = st.floats(0.125, 2, width=16)
SIGNS = st.sampled_from([-1, 1])


def reduce_loss(losses, reduction):
    losses = np.asarray(losses)
    return losses if reduction == "none" else getattr(losses, reduction)()


def by_element(loss, weigh=False):
    """The oracle of a loss of pairs of numbers: one by one; `weigh`: the mean is weighted."""

    def oracle(*operands, reduction, weight=None, **params):
        places = np.broadcast_arrays(*operands)
        numbers = [
            loss(*map(float, each), **params) for each in zip(*map(np.ravel, places), strict=True)
        ]
        losses = np.reshape(numbers, places[0].shape).astype(float)
        if weight is None:
            return reduce_loss(losses, reduction)
        total = reduce_loss(losses * weight, reduction)
        mean_of_weights = weigh and reduction == "mean"
        return total / np.broadcast_to(weight, losses.shape).mean() if mean_of_weights else total

    return oracle


def of(loss):
    """Take the target as a keyword."""
    return lambda *operands, target, **params: loss(*operands, target, **params)


@st.composite
def pairs(draw, count=2, reductions=REDUCTION, weight=False, **params):
    """Operands of one shape, and drawn parameters."""
    (shape,), _ = draw(one(min_side=1))
    params = {n: draw(p) if isinstance(p, st.SearchStrategy) else p for n, p in params.items()}
    if weight and draw(st.booleans()):
        params["weight"] = draw(hnp.arrays(float, shape, elements=WEIGHTS))
    return [shape] * count, {"reduction": draw(reductions)} | params


@st.composite
def signed(draw, count=1, **params):
    """Operands of one shape, and targets of -1 and 1."""
    shapes, params = draw(pairs(count, **params))
    return shapes, params | {"target": draw(hnp.arrays(int, shapes[0], elements=SIGNS))}


# -- one by one -----------------------------------------------------------------------------------


def huber(x, t, delta=1.0):
    d = abs(x - t)
    return d * d / 2 if d < delta else delta * (d - delta / 2)


def smooth_l1(x, t, beta):
    return huber(x, t, beta) / beta if beta else abs(x - t)


def poisson(x, t, log_input, full, eps=1e-8):
    loss = math.exp(x) - t * x if log_input else x - t * math.log(x + eps)
    stirling = t * math.log(t) - t + math.log(2 * math.pi * t) / 2
    return loss + stirling if full and t > 1 else loss


def gaussian(x, t, var, full, eps=1e-6):
    return (math.log(var) + (x - t) ** 2 / var + full * math.log(2 * math.pi)) / 2


def kl(x, t, log_target):
    return math.exp(t) * (t - x) if log_target else t * (math.log(t) - x)


def kl_div(x, t, reduction, log_target):
    losses = by_element(kl)(x, t, reduction="none", log_target=log_target)
    if reduction == "batchmean":
        return losses.sum() / (len(x) if x.ndim else 1)
    return reduce_loss(losses, reduction)


def binary(p, t):
    return -(t * math.log(p) + (1 - t) * math.log(1 - p))


def binary_of_logit(x, t, pos_weight=1.0):
    p = naive.sigmoid(x)
    return -(pos_weight * t * math.log(p) + (1 - t) * math.log(1 - p))


def hinge_embedding(x, t, margin):
    return x if t == 1 else max(0, margin - x)


# -- row by row -----------------------------------------------------------------------------------


def by_row(loss):
    """The oracle of a loss of rows, the last axis of all operands."""

    def oracle(*operands, reduction, target=None, **params):
        shape = operands[0].shape[:-1]
        losses = np.zeros(shape)
        for place in np.ndindex(shape):
            own = [np.asarray(target)[place]] if target is not None else []
            losses[place] = loss(*(x[place] for x in operands), *own, **params)
        return reduce_loss(losses, reduction)

    return oracle


def multilabel_soft_margin(x, t, weight):
    losses = [w * binary_of_logit(a, b) for a, b, w in zip(x, t, weight, strict=True)]
    return sum(losses) / len(x)


def multi_margin(x, label, p, margin, weight):
    wrong = [max(0, margin - x[label] + v) ** p for i, v in enumerate(x) if i != label]
    return weight[label] * sum(wrong) / len(x)


def multilabel_margin(x, target):
    end = list(target).index(-1) if -1 in target else len(target)
    right = set(target[:end].tolist())
    wrong = set(range(len(x))) - right
    return sum(max(0, 1 - x[j] + x[i]) for j in right for i in wrong) / len(x)


def distance(a, b, p, eps):
    parts = [abs(v - w + eps) for v, w in zip(a, b, strict=True)]
    return max(parts) if p == math.inf else sum(d**p for d in parts) ** (1 / p)


def triplet(a, p, n, norm, swap, margin, eps=1e-6):
    far = distance(a, n, norm, eps)
    far = min(far, distance(p, n, norm, eps)) if swap else far
    return max(0, margin + distance(a, p, norm, eps) - far)


def cosine_embedding(a, b, t, margin):
    cosine = np.dot(a, b) / math.sqrt(np.dot(a, a) * np.dot(b, b))
    return 1 - cosine if t == 1 else max(0, cosine - margin)


@st.composite
def rows(draw, count=1, target=None, weight=False, **params):
    """Rows (N, C) or one row; `target` makes a strategy of targets of shape and classes."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=2, max_side=4))
    params = {n: draw(p) if isinstance(p, st.SearchStrategy) else p for n, p in params.items()}
    params["reduction"] = draw(REDUCTION)
    if target is not None:
        params["target"] = draw(target(shape))
    if weight:
        params["weight"] = draw(hnp.arrays(float, shape[-1], elements=WEIGHTS))
    return [shape] * count, params


def labels_of(shape):
    return hnp.arrays(int, shape[:-1], elements=st.integers(0, shape[-1] - 1))


# -- classes --------------------------------------------------------------------------------------


@st.composite
def labelled(draw, smoothing=True):
    """Scores with classes on axis 1 (or 0), labels of which some may be ignored."""
    n, c, rest = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.sampled_from([(), (2,)]))
    shape = draw(st.sampled_from([(n, c, *rest), (c,)]))
    target = draw(hnp.arrays(int, shape[:1] + shape[2:] if len(shape) > 1 else ()))
    target = np.mod(target, c)
    params = {"target": target, "reduction": draw(REDUCTION)}
    if draw(st.booleans()):
        params["weight"] = draw(hnp.arrays(float, c, elements=WEIGHTS))
    if draw(st.booleans()):
        params["ignore_index"] = draw(st.sampled_from([-100, c - 1]))
        if params["ignore_index"] < 0:  # one of them
            params["target"] = np.where(np.arange(target.size).reshape(target.shape), target, -100)
    kept = params["target"] != params.get("ignore_index", -100)
    if not kept.any():
        params["reduction"] = "sum"
    if smoothing and draw(st.booleans()):
        params["label_smoothing"] = draw(st.sampled_from([0.2, 1.0]))
    return [shape], params


@st.composite
def probable(draw):
    """Logits and probabilities of their shape."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3))
    params = {"reduction": draw(REDUCTION), "label_smoothing": draw(st.sampled_from([0.0, 0.3]))}
    if draw(st.booleans()):
        c = shape[1] if len(shape) > 1 else shape[0]
        params["weight"] = draw(hnp.arrays(float, c, elements=WEIGHTS))
    return [shape, shape], params


def nll(x, target, reduction, weight=None, ignore_index=-100, label_smoothing=0.0):
    x, target = np.moveaxis(x, min(1, x.ndim - 1), -1), np.asarray(target)
    weight = np.ones(x.shape[-1]) if weight is None else weight
    losses, total = np.zeros(target.shape), 0.0
    for place in np.ndindex(target.shape):
        label = target[place]
        if label != ignore_index:
            losses[place] = naive.class_loss(x[place], label, weight, label_smoothing)
            total += weight[label]
    return losses.sum() / total if reduction == "mean" else reduce_loss(losses, reduction)


def log_softmax(x):
    x = np.moveaxis(x, min(1, x.ndim - 1), -1)
    y = np.zeros(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        y[place] = np.log(naive.softmax(x[place]))
    return y if x.ndim < 3 else np.moveaxis(y, -1, 1)


def cross_entropy(x, probabilities=None, target=None, **params):
    """Both kinds of targets: probabilities are a second operand, labels a keyword."""
    log_p = log_softmax(x)
    return (
        nll(log_p, target, **params)
        if probabilities is None
        else soft(log_p, probabilities, **params)
    )


def soft(log_p, t, reduction, label_smoothing, weight=None):
    axis = min(1, log_p.ndim - 1)
    log_p, t = np.moveaxis(log_p, axis, -1), np.moveaxis(t, axis, -1)
    losses, classes = np.zeros(t.shape[:-1]), t.shape[-1]
    for place in np.ndindex(losses.shape):
        for k in range(classes):
            share = (1 - label_smoothing) * t[place][k] + label_smoothing / classes
            losses[place] -= share * log_p[place][k] * (1 if weight is None else weight[k])
    return reduce_loss(losses, reduction)


# -- ctc ------------------------------------------------------------------------------------------


@st.composite
def alignments(draw):
    """Short sequences; targets that fit or not, padded, one after another, or of one sequence."""
    time, n, c = draw(st.integers(1, 4)), draw(st.integers(1, 2)), draw(st.integers(2, 3))
    blank = draw(st.integers(0, c - 1))
    label = st.integers(0, c - 1).filter(lambda k: k != blank)
    targets = [draw(st.lists(label, max_size=2)) for _ in range(n)]
    inputs = [draw(st.integers(min(1, time), time)) for _ in range(n)]
    fits = all(
        len(y) + sum(a == b for a, b in pairwise(y)) <= t
        for y, t in zip(targets, inputs, strict=True)
    )
    params = {
        "input_lengths": inputs,
        "target_lengths": [len(y) for y in targets],
        "targets": np.array([y + [blank] * (3 - len(y)) for y in targets]),
        "blank": blank,
        "reduction": draw(REDUCTION),
        "zero_infinity": not fits,
    }
    form = draw(st.sampled_from(["padded", "joined", "alone"]))
    if form == "joined":
        params["targets"] = np.array(sum(targets, []), int)  # noqa: RUF017
    elif form == "alone" and n == 1:
        ends = {"input_lengths": inputs[0], "target_lengths": len(targets[0])}
        return [(time, c)], params | ends | {"targets": np.array(targets[0], int)}
    return [(time, n, c)], params


def ctc(x, targets, input_lengths, target_lengths, blank, reduction, zero_infinity):
    batch = x if x.ndim == 3 else x[:, None]
    inputs, lengths = np.atleast_1d(input_lengths), np.atleast_1d(target_lengths)
    if targets.ndim == 1:
        targets = np.split(targets, np.cumsum(lengths)[:-1])
    losses = np.array(
        [
            naive.ctc_loss(batch[:t, i], targets[i][:s], blank)
            for i, (t, s) in enumerate(zip(inputs, lengths, strict=True))
        ]
    )
    losses = np.where(zero_infinity & np.isinf(losses), 0, losses)
    losses = losses / np.maximum(lengths, 1) if reduction == "mean" else losses
    return reduce_loss(losses if x.ndim == 3 else losses[0], reduction)


TABLE = {
    # regression
    "mse_loss": Entry(by_element(lambda x, t: (x - t) ** 2, weigh=True), pairs(weight=True)),
    "F.l1_loss": Entry(by_element(lambda x, t: abs(x - t), weigh=True), pairs(weight=True)),
    "F.smooth_l1_loss": Entry(by_element(smooth_l1), pairs(beta=st.sampled_from([0, 0.77]))),
    "F.huber_loss": Entry(by_element(huber), pairs(delta=0.77, weight=True)),
    "F.poisson_nll_loss": Entry(
        by_element(poisson), pairs(log_input=st.booleans(), full=st.booleans()), POSITIVE
    ),
    "F.gaussian_nll_loss": Entry(by_element(gaussian), pairs(3, full=st.booleans()), POSITIVE),
    # probabilities
    "F.kl_div": Entry(
        kl_div,
        pairs(
            log_target=st.booleans(),
            reductions=st.sampled_from(["mean", "batchmean", "sum", "none"]),
        ),
        UNIT,
    ),
    "F.binary_cross_entropy": Entry(by_element(binary), pairs(weight=True), UNIT),
    "binary_cross_entropy_with_logits": Entry(
        by_element(binary_of_logit), pairs(weight=True, pos_weight=WEIGHTS), UNIT
    ),
    "F.multilabel_soft_margin_loss": Entry(
        by_row(multilabel_soft_margin),
        rows(target=lambda shape: hnp.arrays(int, shape, elements=st.integers(0, 1)), weight=True),
    ),
    # classes
    "cross_entropy": Entry(cross_entropy, st.one_of(labelled(), probable()), UNIT),
    "F.nll_loss": Entry(nll, labelled(smoothing=False)),
    # margins
    "F.hinge_loss": Entry(
        of(by_element(lambda x, t, margin: max(0, margin - t * x))), signed(margin=0.87)
    ),
    "F.soft_margin_loss": Entry(
        of(by_element(lambda x, t: math.log(1 + math.exp(-t * x)))), signed()
    ),
    "F.hinge_embedding_loss": Entry(of(by_element(hinge_embedding)), signed(margin=0.87)),
    "F.margin_ranking_loss": Entry(
        of(by_element(lambda a, b, t, margin: max(0, margin - t * (a - b)))),
        signed(2, margin=0.77),
    ),
    "F.multi_margin_loss": Entry(
        by_row(multi_margin),
        rows(target=labels_of, weight=True, p=st.sampled_from([1, 2]), margin=0.77),
    ),
    "F.multilabel_margin_loss": Entry(
        by_row(multilabel_margin),
        rows(target=lambda s: hnp.arrays(int, s, elements=st.integers(-1, s[-1] - 1))),
        domain=(-2.87, 3.1),
    ),
    "F.triplet_margin_loss": Entry(
        lambda *xs, p, **params: by_row(triplet)(*xs, norm=p, **params),
        rows(3, p=st.sampled_from([1, 2, 2.5, math.inf]), swap=st.booleans(), margin=0.77),
    ),
    "F.cosine_embedding_loss": Entry(
        by_row(cosine_embedding),
        rows(2, target=lambda shape: hnp.arrays(int, shape[:-1], elements=SIGNS), margin=0.13),
    ),
    "F.ctc_loss": Entry(ctc, alignments(), (-2.5, -0.3)),
}
