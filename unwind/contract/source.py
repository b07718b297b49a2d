"""Protocol of providers: a label that goes into each table, and raw rows per table."""

from dataclasses import dataclass
from typing import Literal, Protocol

import pandas as pd

from unwind.contract.faults import require_fault
from unwind.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of a provider or of the rows that it gave.

    Attributes
    ----------
    entity : str
        Whose rows: a symbol, a fund, or the provider itself.
    rule : str
        What was broken, e.g. "request_timeout".
    severity : "error", "warning" or "info"
    value : str
        What was found instead.
    remedy : str
    column : str
        The number that it concerns; empty for a fault of the asking, which touches the session
        that was asked for and no other.
    session : Timestamp or None
        What the faulty row describes; None for a fault of the asking.
    """

    entity: str
    rule: str
    severity: Literal["error", "warning", "info"]
    value: str
    remedy: str
    column: str = ""
    session: pd.Timestamp | None = None

    def __post_init__(self) -> None:
        require_fault(self.rule)


@dataclass(frozen=True, slots=True, eq=False)
class Extract:
    """Rows of one input table as the provider gave them, before any rule was applied.

    Attributes
    ----------
    origin : str
        File name or endpoint, for messages ("prices.parquet").
    rows : DataFrame
        One row per observation, in the provider's order; columns as provided.
    faults : tuple of Fault
        Faults, beside the rows that are there.
    received_at : Timestamp, UTC, or None
        When the answer was complete; None where the run's own time says it. A live answer arrives
        after the instant that its run was scheduled for: what it changes is not known before.
    label : str
        The provider's name, where the extract is one of several `parts`.
    promised : frozenset of str
        Entities that the provider undertakes to give, present or not.
    parts : tuple of Extract
        One per provider, in falling precedence, where several were asked; `rows` is then empty.
    """

    origin: str
    rows: pd.DataFrame
    faults: tuple[Fault, ...] = ()
    received_at: pd.Timestamp | None = None
    label: str = ""
    promised: frozenset[str] = frozenset()
    parts: tuple["Extract", ...] = ()


class Source(Protocol):
    """A provider of observations."""

    @property
    def label(self) -> str:
        """Name written into every output row; simulated data says "simulated"."""
        ...

    def tables(self) -> tuple[str, ...]:
        """Names of the input tables that this provider has, e.g. ("prices", "etf_flows")."""
        ...

    def extract(self, table: str) -> Extract:
        """Return the raw rows of one table.

        Raises
        ------
        SourceError
            The table cannot be read at all; the message says what to do.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """Part of one input table that a provider undertakes to give.

    Attributes
    ----------
    table : str
    content : str
        Which series, from where.
    lag : str
        When a row is there, and when it counts as known.
    limits : str
        What the provider does not give, and what bounds it.
    """

    table: str
    content: str
    lag: str
    limits: str


class Partner(Source, Protocol):
    """A provider that can be combined with others."""

    def promised(self, table: str) -> frozenset[str]:
        """Entities of a table that it undertakes to give; empty where it promises none."""
        ...


class SourceError(UserError, RuntimeError):
    """A provider could not answer; the message names it, the fault and the remedy."""


class SourceUnavailable(SourceError):
    """A provider did not answer this time and may the next: worth a retry."""
