"""Markets as the tests of mechanism blocks need them: some tables only, cut to a day at will."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pandas as pd

from tests.conftest import RECEIVED
from unwind.calendar import publication_instant
from unwind.contract.inputs import INPUT_TABLES
from unwind.contract.source import Extract, Source
from unwind.indicators.block import Block, Mechanism
from unwind.indicators.context import Slot
from unwind.market.store import ingest
from unwind.pipeline import Market, load_market, observe
from unwind.settings import Settings


class Selected:
    """A source that shows some of the tables of another."""

    def __init__(self, source: Source, tables: Iterable[str]) -> None:
        self._source, self._tables = source, tuple(tables)

    @property
    def label(self) -> str:
        return self._source.label

    def tables(self) -> tuple[str, ...]:
        return tuple(name for name in self._source.tables() if name in self._tables)

    def extract(self, table: str) -> Extract:
        return self._source.extract(table)


def market_of(source: Source, store: Path, settings: Settings) -> Market:
    ingest(store, source, settings=settings, received_at=RECEIVED)
    return load_market(store)


def cut_to(market: Market, day: date) -> Market:
    """The market without rows that describe anything later than `day`."""
    end = pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1)
    kept = {}
    for name, rows in market.vintages.items():
        stamps = pd.to_datetime(rows[INPUT_TABLES[name].event], utc=True)
        kept[name] = rows[stamps < end].reset_index(drop=True)
    return Market(vintages=kept, rejected=market.rejected)


def changed(market: Market, **tables: pd.DataFrame) -> Market:
    return Market(vintages={**market.vintages, **tables}, rejected=market.rejected)


def moment_of(day: date, settings: Settings, cutoff: str | None = None) -> Slot:
    instant = publication_instant(day, settings.publication)
    return Slot(
        as_of=day, cutoff=instant if cutoff is None else pd.Timestamp(cutoff), source="test"
    )


def rows_of(
    block, market: Market, moment: Slot, settings: Settings
) -> dict[tuple[str, str], Mechanism]:
    """The rows of one block by indicator and item."""
    answer = block(observe(market, moment, settings=settings))
    rows = answer.rows if isinstance(answer, Block) else answer
    found = {(row.indicator, row.item): row for row in rows}
    assert len(found) == len(rows)
    return found
