"""Rows of the table `mechanisms` and the data of its charts, from one registry of blocks."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from unwind.indicators.block import Block, Mechanism
from unwind.indicators.context import RunContext
from unwind.indicators.mechanisms.cash import cash_block
from unwind.indicators.mechanisms.etf_flows import flow_block
from unwind.indicators.mechanisms.futures import futures_block
from unwind.indicators.mechanisms.notes import notes_block
from unwind.indicators.mechanisms.options import options_block
from unwind.indicators.mechanisms.rebound import rebound_block
from unwind.indicators.mechanisms.session_hours import hours_block
from unwind.indicators.mechanisms.traded_volume import volume_block
from unwind.indicators.mechanisms.views import MechanismViews
from unwind.indicators.mechanisms.yen import yen_block

# Blocks with a chart, by the field of `MechanismViews` that they fill, and blocks without one.
CHARTED: dict[str, Callable[[RunContext], Block]] = {
    "flow": flow_block,
    "basis": futures_block,
    "barriers": notes_block,
    "gamma": options_block,
}
PLAIN: tuple[Callable[[RunContext], list[Mechanism]], ...] = (
    hours_block,
    rebound_block,
    volume_block,
    yen_block,
    cash_block,
)


def mechanisms(context: RunContext) -> tuple[pd.DataFrame, MechanismViews]:
    """Rows of the table `mechanisms` for the session, and what its charts draw."""
    blocks = {name: block(context) for name, block in CHARTED.items()}
    rows = [row for block in blocks.values() for row in block.rows]
    rows += [row for block in PLAIN for row in block(context)]
    views: dict[str, Any] = {name: block.view for name, block in blocks.items()}
    return table_rows(rows, context), MechanismViews(**views)


def table_rows(rows: list[Mechanism], context: RunContext) -> pd.DataFrame:
    """Indicators as rows of the table `mechanisms`."""
    if not rows:
        return pd.DataFrame()
    frame = pd.DataFrame(
        [{name: getattr(row, name) for name in Mechanism.__slots__} for row in rows]
    )
    frame["describes"] = frame["describes"].dt.date
    return context.stamped(frame)
