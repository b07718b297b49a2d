"""Unexpected exceptions of one provider: a fault row for the desk, frames for the log."""

import logging
import traceback

import pandas as pd

from unwind.contract.inputs import INPUT_TABLES
from unwind.contract.source import Fault

# The innermost ones: a recursion has thousands.
MAX_FRAMES = 20

_log = logging.getLogger(__name__)


def provider_failed(label: str, table: str, error: Exception) -> Fault:
    """Log where an exception arose, and return it as the provider's fault.

    The log holds types and stack frames (file, line, code), never an exception's message: those of
    HTTP libraries may quote an address with its credentials.
    """
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    stack = "".join(
        f"{type(one).__name__}\n{''.join(traceback.format_tb(one.__traceback__, -MAX_FRAMES))}"
        for one in chain
    )
    _log.error("source %s failed at the table %s: %s", label, table, stack)
    return Fault(
        entity=label,
        rule="provider_exception",
        severity="error",
        value=f"{type(error).__name__} while {table} was read",
        remedy="the other sources are not affected; report it with the stack in the run's log, "
        "and run again",
    )


def no_rows(table: str) -> pd.DataFrame:
    """Return an input table without rows: the part of a provider that failed."""
    return pd.DataFrame({name: [] for name in (*INPUT_TABLES[table].columns, "known_at")})
