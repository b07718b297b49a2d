"""What every row of a run carries: session, cut-off, source, settings, and when it was known."""

from dataclasses import dataclass
from datetime import date

import pandas as pd

from features.panel import Panel
from unwind.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a run describes and where it stands; written into each of its rows."""

    as_of: date
    cutoff: pd.Timestamp
    source: str

    @property
    def stamp(self) -> pd.Timestamp:
        """The session as an index label."""
        return pd.Timestamp(self.as_of)


def stamped(rows: pd.DataFrame, moment: Moment, settings: Settings) -> pd.DataFrame:
    """Write the run's moment and terms into rows that carry their own known_at."""
    return rows.assign(
        as_of=moment.as_of,
        cutoff=moment.cutoff,
        source=moment.source,
        settings_digest=settings.digest,
    )


def known_from(
    panel: Panel, moment: Moment, base: str | None, assets: pd.Index
) -> list[pd.Timestamp]:
    """When a value that uses these assets up to the session was first known."""
    instants = panel.known_at.loc[moment.stamp]
    held: dict[str, pd.Timestamp] = {
        str(name): instant for name, instant in instants.to_dict().items() if not pd.isna(instant)
    }
    shared = [] if base is None else [held.get(base, moment.cutoff)]
    return [max([*shared, held.get(str(asset), moment.cutoff)]) for asset in assets]


def absence(panel: Panel, moment: Moment, symbol: str) -> str | None:
    """Say that a symbol has no price at all by the session; None where it has one."""
    missing = panel.close.loc[: moment.stamp, symbol].isna().all()
    return f"no price of {symbol} is on file" if missing else None
