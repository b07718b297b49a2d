"""Faults of input: the run fails with one sentence, not with a traceback."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from prefect.client.schemas.objects import State
from prefect.states import Failed

from models.errors import NotEnoughData
from unwind.calendar import CalendarError
from unwind.contract.source import SourceError, SourceUnavailable
from unwind.errors import UserError
from unwind.settings import SettingsError

Parameters = ParamSpec("Parameters")
Outcome = TypeVar("Outcome")

READABLE = (UserError, NotEnoughData)
# Faults of the input; a provider without an answer, a disk or a server is the machine's fault.
_OF_INPUT = (CalendarError, SettingsError, SourceError, NotEnoughData)


def is_refusal(error: object) -> bool:
    """Return True if a run ended because its input was refused."""
    return isinstance(error, _OF_INPUT) and not isinstance(error, SourceUnavailable)


def readable_faults(
    flow: Callable[Parameters, State[Outcome]],
) -> Callable[Parameters, State[Outcome]]:
    """End a flow as Failed with the fault's message if a person can correct the fault."""

    @wraps(flow)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> State[Outcome]:
        try:
            return flow(*args, **kwargs)
        except READABLE as error:
            return Failed(message=str(error), data=error)

    return run
