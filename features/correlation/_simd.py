"""Four float64 at a time, for compiled loops.

numba vectorises a loop only when its body is simple; the rolling sums of sixteen pairs are not.
These are the vector operations of LLVM that numba does not name, through numba's public extension
interface; LLVM maps them to whatever the processor has.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

WIDTH = 4
_VECTOR = ir.VectorType(ir.DoubleType(), WIDTH)
_POSITION = ir.IntType(32)


class _Lanes(types.Type):
    def __init__(self) -> None:
        super().__init__(name="float64x4")


LANES = _Lanes()


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index])


def _vector_pointer(*arguments: Any) -> Any:
    builder = arguments[1]
    return builder.bitcast(_pointer(*arguments), _VECTOR.as_pointer())


def _spread(builder: Any, number: Any) -> Any:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    one = builder.insert_element(undefined, number, ir.Constant(_POSITION, 0))
    return builder.shuffle_vector(one, undefined, _order(0, 0, 0, 0))


def _order(*lanes: int) -> Any:
    return ir.Constant(ir.VectorType(_POSITION, WIDTH), list(lanes))


def _turn(builder: Any, a: Any, b: Any, c: Any, d: Any) -> list[Any]:
    """Transpose a tile of four by four."""
    shuffle = builder.shuffle_vector
    even, odd = _order(0, 4, 2, 6), _order(1, 5, 3, 7)
    low, high = _order(0, 1, 4, 5), _order(2, 3, 6, 7)
    left, right = shuffle(a, b, even), shuffle(a, b, odd)
    after_left, after_right = shuffle(c, d, even), shuffle(c, d, odd)
    return [
        shuffle(left, after_left, low),
        shuffle(right, after_right, low),
        shuffle(left, after_left, high),
        shuffle(right, after_right, high),
    ]


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """Read four neighbours of a flat array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _vector_pointer(context, builder, signature.args[0], *arguments)
        return builder.load(pointer, align=8)

    return LANES(array, types.intp), generate


@intrinsic
def number_at(typing: Any, array: Any, index: Any) -> Any:
    """Read one number of a flat array; unlike ``array[index]``, no index counts from the end."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(context, builder, signature.args[0], *arguments))

    return types.float64(array, types.intp), generate


@intrinsic
def load_spread(typing: Any, array: Any, index: Any) -> Any:
    """Read one number of a flat array into every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = builder.load(_pointer(context, builder, signature.args[0], *arguments))
        return _spread(builder, number)

    return LANES(array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Write four neighbours of a flat array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, position, value = arguments
        pointer = _vector_pointer(context, builder, signature.args[0], target, position)
        builder.store(value, pointer, align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, LANES), generate


@intrinsic
def stream_lines(
    typing: Any, out: Any, first: Any, step: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any,
    g: Any, h: Any,
) -> Any:  # fmt: skip
    """Write eight rows of four lanes as four cache lines, lane *l* at `first` + *l*·`step`.

    The lines go past the caches: whole ones need not be read first, and nothing reads them soon.
    `first` and `step` must fall on 64 bytes.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, at, stride, *rows = arguments
        passing = builder.module.add_metadata([ir.Constant(_POSITION, 1)])
        for halves in zip(_turn(builder, *rows[:4]), _turn(builder, *rows[4:]), strict=True):
            for half, value in enumerate(halves):
                index = builder.add(at, ir.Constant(at.type, WIDTH * half))
                pointer = _vector_pointer(context, builder, signature.args[0], array, index)
                written = builder.store(value, pointer, align=32)
                written.set_metadata("nontemporal", passing)
            at = builder.add(at, stride)
        return context.get_dummy_value()

    return types.void(out, types.intp, types.intp, *[LANES] * 8), generate


@intrinsic
def spread(typing: Any, number: Any) -> Any:
    """Put one number into every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _spread(builder, arguments[0])

    return LANES(types.float64), generate


def _of_two(instruction: str) -> Any:
    def operation(typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, instruction)(*arguments)

        return LANES(LANES, LANES), generate

    return intrinsic(operation)


plus = _of_two("fadd")
minus = _of_two("fsub")
times = _of_two("fmul")
over = _of_two("fdiv")


def _library(name: str, operands: int) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * operands)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v4f64")
        return builder.call(function, arguments)

    return generate


@intrinsic
def root(typing: Any, a: Any) -> Any:
    """Take the square root."""
    return LANES(LANES), _library("sqrt", 1)


@intrinsic
def times_plus(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Compute a·b + c, rounded once."""
    return LANES(LANES, LANES, LANES), _library("fma", 3)


@intrinsic
def minus_times(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Compute c − a·b, rounded once."""
    fused = _library("fma", 3)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, c = arguments
        return fused(context, builder, signature, [builder.fneg(a), b, c])

    return LANES(LANES, LANES, LANES), generate


@intrinsic
def where_less(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """Take `yes` where a < b, and `no` elsewhere and where either is NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, yes, no = arguments
        return builder.select(builder.fcmp_ordered("<", a, b), yes, no)

    return LANES(LANES, LANES, LANES, LANES), generate


@intrinsic
def any_less(typing: Any, a: Any, b: Any) -> Any:
    """Tell whether a < b in some lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(builder.fcmp_ordered("<", *arguments), ir.IntType(WIDTH))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(LANES, LANES), generate
