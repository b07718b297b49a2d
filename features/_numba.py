"""One typed `njit`: a compiled function keeps the signature that it is written with."""

from collections.abc import Callable
from typing import Literal, ParamSpec, TypeVar, cast

import numba

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def njit(
    *,
    parallel: bool = False,
    nogil: bool = False,
    error_model: Literal["python", "numpy"] = "python",
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Compile a function on its first call and cache the code beside its module.

    Parameters
    ----------
    parallel : bool
        `prange` loops run on all threads.
    nogil : bool
        Release the interpreter's lock, so that threads run side by side.
    error_model : {"python", "numpy"}
        numpy: a division by zero gives an infinity or NaN, without a branch in the loop.
    """
    compiled = numba.njit(cache=True, parallel=parallel, nogil=nogil, error_model=error_model)

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        return cast(Callable[Arguments, Result], compiled(function))

    return decorate
