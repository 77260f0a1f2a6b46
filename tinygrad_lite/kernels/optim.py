"""Steps of optimisers: all arrays of a model in one call, each rule in one pass over memory.

A rule reads and writes pieces of a parameter, its gradient and what is remembered of it, all at the
same place, and its `numbers`. It rounds as the rule in `optim/` does, which is written in NumPy, so
that the results are the same bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numba import types
from numba.extending import intrinsic

from tinygrad_lite.kernels.jit import carray, intp, kernel, prange, prepare, routine
from tinygrad_lite.kernels.simd import at, pointer
from tinygrad_lite.kernels.threads import Team, get_num_threads

RULES = ("descend", "momentum", "adam", "rmsprop")
_PIECE = 1024  # elements; of five arrays they stay in the first cache
_ARRAYS = 5  # at most: a parameter, its gradient, three that are remembered
# where an array object holds the address of its elements: behind the head that all objects have.
# Every extension that is compiled for NumPy relies on it. Asking NumPy takes 1 µs an array.
_ADDRESS = object.__basicsize__


Columns = Sequence[Sequence[np.ndarray]]


def takes(columns: Columns) -> bool:
    """Tell whether `step` may have these: of one dtype, contiguous, to be written; equal sizes."""
    first = columns[0]
    dtype, sizes = first[0].dtype, [array.size for array in first]
    same, sound = [dtype] * len(first), [True] * len(first)
    # lists, not generators: they take half the time, and all of this is more than the kernel takes
    return (dtype.char in "fd" and dtype.isnative) and all(
        [array.size for array in column] == sizes
        and [array.dtype for array in column] == same
        and [array.flags.carray for array in column] == sound
        for column in columns
    )


def step(rule: str, columns: Columns, numbers: Sequence[float]) -> None:
    """Take a step of a rule, where `takes` says yes.

    The columns are: the parameters, the gradient of each, and what the rule remembers of each.
    """
    dtype = columns[0][0].dtype
    prepare(dtype)
    # what a rule does without, the parameters stand for
    full = [*columns, *[columns[0]] * (_ARRAYS - len(columns))]
    objects = np.array([list(map(id, column)) for column in full], np.int64)
    ends = np.array(list(accumulate([array.size for array in columns[0]])), np.int64)
    with Team(get_num_threads()) as count:
        scratch = np.empty((count, _PIECE), dtype)
        rest = (RULES.index(rule), objects, ends, np.array(numbers, dtype), scratch)
        if count == 1:
            _walk(0, 1, *rest)
        else:
            _walks(count, *rest)


# -- the walk over all arrays ---------------------------------------------------------------------


@intrinsic
def _elements(typingctx, address, like):
    """Return what stands at an address, itself an address, as one of elements such as like's."""

    def generate(context, builder, signature, args):
        kind = context.get_value_type(signature.return_type)
        return builder.load(builder.inttoptr(args[0], kind.as_pointer()))

    return like(types.int64, like), generate


@kernel
def _start(objects, row, i, first, like):
    """Return the address of element `first` of an array, of like's dtype."""
    return at(_elements(objects[row, i] + _ADDRESS, like), first)


@kernel
def _walk(t, count, rule, objects, ends, numbers, scratch):
    """Take this thread's part of all elements, piece by piece."""
    total = ends[-1]
    first, last = total * t // count, total * (t + 1) // count
    spare, n = pointer(scratch[t]), pointer(numbers)
    i = np.searchsorted(ends, first, "right")
    while first < last:
        size = min(ends[i], last) - first
        inside = first - (ends[i - 1] if i else 0)
        for k in range(0, size, _PIECE):
            piece = min(_PIECE, size - k)
            p = _start(objects, 0, i, inside + k, spare)
            g = _start(objects, 1, i, inside + k, spare)
            a = _start(objects, 2, i, inside + k, spare)
            b = _start(objects, 3, i, inside + k, spare)
            c = _start(objects, 4, i, inside + k, spare)
            if rule == 0:
                _descend(p, g, n, piece)
            elif rule == 1:
                _momentum(p, g, a, n, piece)
            elif rule == 2:
                _adam(p, g, a, b, n, piece)
            else:
                _rmsprop(p, g, a, b, c, spare, n, piece)
        first += size
        i += 1


@kernel(parallel=True)
def _walks(count, rule, objects, ends, numbers, scratch):
    for t in prange(count):
        _walk(intp(t), count, rule, objects, ends, numbers, scratch)


# -- the rules ------------------------------------------------------------------------------------


@routine("pppn", exact=True)
def _descend(p, g, numbers, size):
    p, g = carray(p, size), carray(g, size)
    n = carray(numbers, 2)
    lr, decay = n[0], n[1]
    for i in range(size):
        d = g[i] + decay * p[i] if decay else g[i]
        p[i] -= lr * d


@routine("ppppn", exact=True)
def _momentum(p, g, buffer, numbers, size):
    p, g, buffer = carray(p, size), carray(g, size), carray(buffer, size)
    n = carray(numbers, 5)
    lr, decay, momentum, share, nesterov = n[0], n[1], n[2], n[3], n[4]
    for i in range(size):
        d = g[i] + decay * p[i] if decay else g[i]
        b = buffer[i] * momentum + share * d
        buffer[i] = b
        p[i] -= lr * (d + momentum * b if nesterov else b)


@routine("pppppn", exact=True)
def _adam(p, g, m, v, numbers, size):
    p, g, m, v = carray(p, size), carray(g, size), carray(m, size), carray(v, size)
    n = carray(numbers, 9)
    rate, decay, keep, beta1, share1 = n[0], n[1], n[2], n[3], n[4]
    beta2, share2, root, eps = n[5], n[6], n[7], n[8]
    for i in range(size):
        d = g[i] + decay * p[i] if decay else g[i]
        m[i] = m[i] * beta1 + d * share1
        v[i] = v[i] * beta2 + d * d * share2
        p[i] = p[i] * keep - m[i] / (np.sqrt(v[i]) * root + eps) * rate


@routine("pppppppn", exact=True)
def _rmsprop(p, g, v, mean, buffer, step, numbers, size):
    p, g, v, step = carray(p, size), carray(g, size), carray(v, size), carray(step, size)
    n = carray(numbers, 7)
    lr, decay, alpha, share, eps, momentum, centered = n[0], n[1], n[2], n[3], n[4], n[5], n[6]
    zero = step.dtype.type(0)
    for i in range(size):
        step[i] = g[i] + decay * p[i] if decay else g[i]
    for i in range(size):
        v[i] = v[i] * alpha + step[i] * step[i] * share
    if centered:
        mean = carray(mean, size)
        for i in range(size):
            mean[i] = mean[i] * alpha + step[i] * share
        for i in range(size):
            spread = v[i] - mean[i] * mean[i]
            step[i] /= np.sqrt(zero if spread < zero else spread) + eps
    else:
        for i in range(size):
            step[i] /= np.sqrt(v[i]) + eps
    if momentum:
        buffer = carray(buffer, size)
        for i in range(size):
            buffer[i] = buffer[i] * momentum + step[i]
            step[i] = buffer[i]
    for i in range(size):
        p[i] -= step[i] * lr
