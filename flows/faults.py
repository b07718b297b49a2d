"""Faults of input: the run fails with one sentence, not with a traceback."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from prefect.client.schemas.objects import State
from prefect.states import Failed

from models.errors import NotEnoughData
from unwind.errors import UserError

Parameters = ParamSpec("Parameters")
Outcome = TypeVar("Outcome")

READABLE = (UserError, NotEnoughData)


def readable_faults(
    flow: Callable[Parameters, State[Outcome]],
) -> Callable[Parameters, State[Outcome]]:
    """Let a flow function end as Failed, with the fault's message, where a person can mend it."""

    @wraps(flow)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> State[Outcome]:
        try:
            return flow(*args, **kwargs)
        except READABLE as error:
            return Failed(message=str(error))

    return run
