"""Run context of a session, and the columns that it writes into every row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from features.panel import UNCONFIRMED, Panel
from unwind.contract.source import Fault
from unwind.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Session, cut-off and source of a run.

    Attributes
    ----------
    as_of : date
        The session that the run describes.
    cutoff : Timestamp, UTC
        The run sees rows with known_at up to this instant.
    source : str
    """

    as_of: date
    cutoff: pd.Timestamp
    source: str

    @property
    def stamp(self) -> pd.Timestamp:
        """The session as an index label."""
        return pd.Timestamp(self.as_of)

    def stamped(self, rows: pd.DataFrame, *, settings: Settings) -> pd.DataFrame:
        """Write session, cut-off, source and settings hash into rows with their own known_at."""
        return rows.assign(
            as_of=self.as_of,
            cutoff=self.cutoff,
            source=self.source,
            settings_digest=settings.digest,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunContext:
    """All that a block reads: panel, inputs known at the cut-off, slot and settings.

    Attributes
    ----------
    slot : Slot
    panel : Panel
        Aligned to sessions, up to the slot's.
    inputs : mapping of str to DataFrame
        Input table → its rows known at the cut-off, one per key; empty where no source gave any.
    settings : Settings
    faults : mapping of str to tuple of Fault
        Input table → what the screens of a run name in it.
    """

    slot: Slot
    panel: Panel
    inputs: Mapping[str, pd.DataFrame]
    settings: Settings
    faults: Mapping[str, tuple[Fault, ...]] = field(default_factory=dict)

    @property
    def as_of(self) -> date:
        """The session."""
        return self.slot.as_of

    @property
    def cutoff(self) -> pd.Timestamp:
        """The cut-off, UTC."""
        return self.slot.cutoff

    @property
    def source(self) -> str:
        """Label of the source."""
        return self.slot.source

    @property
    def stamp(self) -> pd.Timestamp:
        """The session as an index label."""
        return self.slot.stamp

    def stamped(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Write session, cut-off, source and settings hash into rows with their own known_at."""
        return self.slot.stamped(rows, settings=self.settings)

    def known_at(self, assets: pd.Index, *, base: str | None = None) -> list[pd.Timestamp]:
        """Instant at which a value of each asset, with the base, up to the session was known."""
        instants = self.panel.known_at.loc[self.stamp].dropna().to_dict()
        shared = [] if base is None else [instants.get(base, self.cutoff)]
        return [max([*shared, instants.get(asset, self.cutoff)]) for asset in assets]

    def is_unconfirmed(self, symbol: str) -> bool:
        """Tell whether the symbol's return of the session is set aside until it is confirmed."""
        notes = self.panel.notes
        own = (notes["symbol"] == symbol) & (notes["rule"] == UNCONFIRMED)
        return bool((own & (notes["session"] == self.stamp)).any())

    def no_price(self, symbol: str) -> str | None:
        """Reason that a symbol has no price at all by the session; None where it has one."""
        missing = self.panel.close.loc[: self.stamp, symbol].isna().all()
        return f"no price for {symbol}" if missing else None
