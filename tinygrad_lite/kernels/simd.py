"""Typed pointers and vector instructions, from which the hot loops of the other kernels are made.

Everything here is inlined LLVM IR. Nothing checks a bound: who calls it has compared all sizes
before. Strides and offsets count elements, never bytes.
"""

from __future__ import annotations

import os
import platform

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def _vector_bytes() -> int:
    """Return the width of this CPU's vectors, or that which TINYGRAD_LITE_VECTOR_BYTES asks for."""
    chosen = os.environ.get("TINYGRAD_LITE_VECTOR_BYTES")
    if chosen:
        return int(chosen)
    features = llvm.get_host_cpu_features()
    wide = {"avx512f": 64, "avx2": 32}
    return next((width for name, width in wide.items() if features.get(name)), 16)


VECTOR_BYTES = _vector_bytes()
# A tile is two vectors wide. Its height is what registers allow: one for each row and vector, two
# for the row of b, one for the element of a; AVX-512 and ARM have 32, others 16. Lower ones do the
# rest.
_MANY_REGISTERS = VECTOR_BYTES == 64 or platform.machine() in ("aarch64", "arm64")
HEIGHTS = (12, 8, 4, 2, 1) if _MANY_REGISTERS else (6, 4, 3, 2, 1)

_I64 = ir.IntType(64)
_I32 = ir.IntType(32)


def _int(value: int) -> ir.Constant:
    return ir.Constant(_I64, value)


def _lanes(pointer: types.CPointer) -> int:
    return VECTOR_BYTES * 8 // pointer.dtype.bitwidth


def _vector(context, pointer: types.CPointer) -> ir.VectorType:
    return ir.VectorType(context.get_value_type(pointer.dtype), _lanes(pointer))


def _load(builder, pointer, kind):
    return builder.load(builder.bitcast(pointer, kind.as_pointer()), align=kind_bytes(kind))


def _store(builder, value, pointer):
    kind = value.type
    builder.store(value, builder.bitcast(pointer, kind.as_pointer()), align=kind_bytes(kind))


def kind_bytes(kind) -> int:
    """Return the alignment that an element has: vectors may begin at any."""
    element = kind.element if isinstance(kind, ir.VectorType) else kind
    return 4 if isinstance(element, ir.FloatType) else 8


def _shuffle(builder, a, b, lanes):
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, len(lanes)), lanes))


def _broadcast(builder, scalar, kind):
    empty = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(_I32, 0))
    return _shuffle(builder, first, empty, [0] * kind.count)


def _fma(builder, kind):
    name = f"llvm.fma.v{kind.count}f{8 * kind_bytes(kind)}"
    function = ir.FunctionType(kind, [kind] * 3)
    return cgutils.get_or_insert_function(builder.module, function, name)


@intrinsic
def pointer(typingctx, array):
    """Return the address of an array's first element, which knows the array's dtype."""

    def generate(context, builder, signature, args):
        return context.make_array(signature.args[0])(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), generate


@intrinsic
def at(typingctx, start, offset):
    """Return `start` moved on by so many elements."""

    def generate(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return start(start, types.intp), generate


@intrinsic
def lanes(typingctx, like):
    """Return how many elements a vector of this pointer's dtype has."""

    def generate(context, builder, signature, args):
        return _int(_lanes(signature.args[0]))

    return types.intp(like), generate


@intrinsic
def get(typingctx, source):
    """Return the element at an address."""

    def generate(context, builder, signature, args):
        return builder.load(args[0])

    return source.dtype(source), generate


@intrinsic
def put(typingctx, target, value):
    """Write an element to an address."""

    def generate(context, builder, signature, args):
        builder.store(args[1], args[0])
        return context.get_dummy_value()

    return types.void(target, target.dtype), generate


def _copy(vectors: int, add: bool = False):
    """Return an intrinsic that copies (or adds) whole vectors."""

    @intrinsic
    def copy(typingctx, source, target):
        def generate(context, builder, signature, args):
            kind = _vector(context, signature.args[0])
            for start in range(0, vectors * kind.count, kind.count):
                value = _load(builder, builder.gep(args[0], [_int(start)]), kind)
                spot = builder.gep(args[1], [_int(start)])
                if add:
                    value = builder.fadd(value, _load(builder, spot, kind))
                _store(builder, value, spot)
            return context.get_dummy_value()

        return types.void(source, source), generate

    return copy


# copy one vector, or as many elements as a tile is wide; add one to what is there
copy_vector, copy_row, add_vector = _copy(1), _copy(2), _copy(1, add=True)


def _within(builder, kind, limit):
    """Return a mask of the lanes before `limit`."""
    numbers = ir.Constant(ir.VectorType(_I64, kind.count), list(range(kind.count)))
    return builder.icmp_signed("<", numbers, _broadcast(builder, limit, numbers.type))


def _load_some(builder, pointer, mask, kind):
    """Load the lanes of a mask, zero for the others."""
    address, zero = kind.as_pointer(), ir.Constant(kind, [0.0] * kind.count)
    load = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(kind, [address, _I32, mask.type, kind]),
        f"llvm.masked.load.v{kind.count}f{8 * kind_bytes(kind)}.p0",
    )
    align = ir.Constant(_I32, kind_bytes(kind))
    return builder.call(load, [builder.bitcast(pointer, address), align, mask, zero])


def _store_some(builder, value, pointer, mask):
    """Store the lanes of a mask."""
    kind = value.type
    address = kind.as_pointer()
    store = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(ir.VoidType(), [kind, address, _I32, mask.type]),
        f"llvm.masked.store.v{kind.count}f{8 * kind_bytes(kind)}.p0",
    )
    align = ir.Constant(_I32, kind_bytes(kind))
    builder.call(store, [value, builder.bitcast(pointer, address), align, mask])


def _copy_some(add: bool):
    @intrinsic
    def copy(typingctx, source, target, count):
        def generate(context, builder, signature, args):
            kind = _vector(context, signature.args[0])
            mask = _within(builder, kind, args[2])
            value = _load_some(builder, args[0], mask, kind)
            if add:
                value = builder.fadd(value, _load_some(builder, args[1], mask, kind))
            _store_some(builder, value, args[1], mask)
            return context.get_dummy_value()

        return types.void(source, source, types.intp), generate

    return copy


# copy, or add, the first elements of a vector; the others are neither read nor written
copy_some, add_some = _copy_some(False), _copy_some(True)


@intrinsic
def add_scaled(typingctx, source, factor, target):
    """Add a vector, multiplied by a number, to another."""

    def generate(context, builder, signature, args):
        kind = _vector(context, signature.args[0])
        times, value = _broadcast(builder, args[1], kind), _load(builder, args[0], kind)
        total = _load(builder, args[2], kind)
        _store(builder, builder.call(_fma(builder, kind), [times, value, total]), args[2])
        return context.get_dummy_value()

    return types.void(source, source.dtype, source), generate


@intrinsic
def add_product(typingctx, a, b, target):
    """Add the product of two vectors, element by element, to a third."""

    def generate(context, builder, signature, args):
        kind = _vector(context, signature.args[0])
        values = [_load(builder, arg, kind) for arg in args]
        _store(builder, builder.call(_fma(builder, kind), values), args[2])
        return context.get_dummy_value()

    return types.void(a, a, a), generate


@intrinsic
def transpose(typingctx, source, source_row, target, target_row):
    """Write a square, as wide as a vector, transposed: in log2 steps, halves change places."""

    def generate(context, builder, signature, args):
        source, source_row, target, target_row = args
        kind = _vector(context, signature.args[0])
        size = kind.count
        rows = [
            _load(builder, builder.gep(source, [builder.mul(source_row, _int(i))]), kind)
            for i in range(size)
        ]
        half = size // 2
        while half:
            low = [k if not k & half else size + k - half for k in range(size)]
            high = [k + half if not k & half else size + k for k in range(size)]
            for i in range(size):
                if not i & half:
                    a, b = rows[i], rows[i + half]
                    rows[i] = _shuffle(builder, a, b, low)
                    rows[i + half] = _shuffle(builder, a, b, high)
            half //= 2
        for i, row in enumerate(rows):
            _store(builder, row, builder.gep(target, [builder.mul(target_row, _int(i))]))
        return context.get_dummy_value()

    return types.void(source, types.intp, source, types.intp), generate


def combination(matrix):
    """Return an intrinsic that multiplies a constant matrix by rows of one vector each.

    combine(sources, source, targets, target): both tuples of addresses, each moved on by an offset;
    of either as many are used as the matrix has columns and rows.
    """

    @intrinsic
    def combine(typingctx, sources, source, targets, target):
        def generate(context, builder, signature, args):
            kind = _vector(context, signature.args[0].dtype)
            froms = cgutils.unpack_tuple(builder, args[0])
            tos = cgutils.unpack_tuple(builder, args[2])
            fma = _fma(builder, kind)
            rows = [
                _load(builder, builder.gep(start, [args[1]]), kind)
                for start, _ in zip(froms, matrix[0], strict=False)
            ]
            for start, factors in zip(tos, matrix, strict=False):
                total = ir.Constant(kind, [0.0] * kind.count)
                for row, factor in zip(rows, factors, strict=True):
                    if factor == 1:
                        total = builder.fadd(total, row, flags=["nsz"])
                    elif factor == -1:
                        total = builder.fsub(total, row, flags=["nsz"])
                    elif factor:
                        times = ir.Constant(kind, [float(factor)] * kind.count)
                        total = builder.call(fma, [times, row, total])
                _store(builder, total, builder.gep(start, [args[3]]))
            return context.get_dummy_value()

        return types.void(sources, types.intp, targets, types.intp), generate

    return combine


def _tile(height: int):
    """Return the product that everything else is made of, for so many rows.

    tile(a, a_row, a_step, b, b_step, c, c_row, depth, width, add):
    c (height, width) = or += a (height, depth) b (depth, two vectors). Element (i, k) of a stands
    at i a_row + k a_step, row k of b at k b_step, row i of c at i c_row. All of c stays in
    registers. Of the columns of b, which are two vectors in any case, `width` are written.
    """

    @intrinsic
    def tile(typingctx, a, a_row, a_step, b, b_step, c, c_row, depth, width, add):
        def generate(context, builder, signature, args):
            a, a_row, a_step, b, b_step, c, c_row, depth, width, add = args
            kind = _vector(context, signature.args[0])
            size = kind.count
            halves = (0, size)
            fma = _fma(builder, kind)
            a_rows = [builder.mul(a_row, _int(i)) for i in range(height)]
            c_rows = [builder.gep(c, [builder.mul(c_row, _int(i))]) for i in range(height)]
            spots = [builder.gep(row, [_int(h)]) for row in c_rows for h in halves]
            zero = ir.Constant(kind, [0.0] * size)
            full = builder.icmp_signed(">=", width, _int(2 * size))
            within = [_within(builder, kind, builder.sub(width, _int(h))) for h in halves]
            masks = within * height

            start = builder.block
            load_all, load_some, loop, stored_all, stored_some, end = (
                builder.append_basic_block(name)
                for name in ("load_all", "load_some", "loop", "store_all", "store_some", "end")
            )
            with_c = builder.append_basic_block("with_c")
            builder.cbranch(builder.trunc(add, ir.IntType(1)), with_c, loop)
            builder.position_at_end(with_c)
            builder.cbranch(full, load_all, load_some)
            builder.position_at_end(load_all)
            old_all = [_load(builder, spot, kind) for spot in spots]
            builder.branch(loop)
            builder.position_at_end(load_some)
            old_some = [
                _load_some(builder, spot, mask, kind)
                for spot, mask in zip(spots, masks, strict=True)
            ]
            builder.branch(loop)

            builder.position_at_end(loop)
            k = builder.phi(_I64)
            a_now, b_now = builder.phi(a.type), builder.phi(b.type)
            sums = [builder.phi(kind) for _ in spots]
            for block in (start, load_all, load_some):
                k.add_incoming(_int(0), block)
                a_now.add_incoming(a, block)
                b_now.add_incoming(b, block)
            for i, total in enumerate(sums):
                total.add_incoming(zero, start)
                total.add_incoming(old_all[i], load_all)
                total.add_incoming(old_some[i], load_some)
            row = [_load(builder, builder.gep(b_now, [_int(h)]), kind) for h in halves]
            new = []
            for i in range(height):
                element = _broadcast(builder, builder.load(builder.gep(a_now, [a_rows[i]])), kind)
                for h in range(2):
                    new.append(builder.call(fma, [element, row[h], sums[2 * i + h]]))
            following = builder.add(k, _int(1))
            k.add_incoming(following, loop)
            a_now.add_incoming(builder.gep(a_now, [a_step]), loop)
            b_now.add_incoming(builder.gep(b_now, [b_step]), loop)
            for total, value in zip(sums, new, strict=True):
                total.add_incoming(value, loop)
            leave = builder.append_basic_block("leave")
            builder.cbranch(builder.icmp_signed("<", following, depth), loop, leave)

            builder.position_at_end(leave)
            builder.cbranch(full, stored_all, stored_some)
            builder.position_at_end(stored_all)
            for value, spot in zip(new, spots, strict=True):
                _store(builder, value, spot)
            builder.branch(end)
            builder.position_at_end(stored_some)
            for value, spot, mask in zip(new, spots, masks, strict=True):
                _store_some(builder, value, spot, mask)
            builder.branch(end)
            builder.position_at_end(end)
            return context.get_dummy_value()

        n = types.intp
        return types.void(a, n, n, a, n, a, n, n, n, types.boolean), generate

    return tile


tiles = tuple(_tile(height) for height in HEIGHTS)
