"""One instruction that numba does not offer: ask for a cache line before it is needed."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_FOR_READING, _KEEP_IN_ALL_CACHES, _DATA = 0, 3, 1


def _prefetch(typing_context, array, index):
    if not (isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C"):
        return None

    def build(context, builder, signature, arguments):
        data = context.make_array(array)(context, builder, arguments[0]).data
        byte = ir.IntType(8).as_pointer()
        number = ir.IntType(32)
        hint = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, hint, "llvm.prefetch.p0")
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        builder.call(function, [address, number(_FOR_READING), number(_KEEP_IN_ALL_CACHES), number(_DATA)])
        return context.get_dummy_value()

    return types.void(array, types.uint64), build


# ``prefetch(array, index)`` in a kernel: start loading ``array[index]`` of a contiguous array with one
# dimension. It changes no result, and an index out of bounds does no harm.
prefetch: Any = intrinsic(_prefetch)
