"""What every provider offers: a label that goes into each table, and raw rows a table."""

from dataclasses import dataclass
from typing import Protocol

import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Extract:
    """Rows of one input table as the provider gave them, before any rule was applied.

    Attributes
    ----------
    origin : str
        File name or endpoint, for messages ("prices.parquet").
    rows : DataFrame
        One row an observation, in the provider's order; columns as provided.
    """

    origin: str
    rows: pd.DataFrame


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


class SourceError(RuntimeError):
    """A provider could not answer; the message names it, the fault and the remedy."""


class SourceUnavailable(SourceError):
    """A provider did not answer this time and may the next: worth a retry."""
