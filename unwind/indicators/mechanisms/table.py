"""Rows of the table `mechanisms`: the indicators behind a move, block by block."""

from collections.abc import Callable

import pandas as pd

from unwind.indicators.block import Mechanism
from unwind.indicators.context import RunContext
from unwind.indicators.mechanisms.etf_flows import flow_block
from unwind.indicators.mechanisms.futures import futures_mechanisms
from unwind.indicators.mechanisms.futures_history import futures_view
from unwind.indicators.mechanisms.notes import note_mechanisms
from unwind.indicators.mechanisms.options import option_mechanisms
from unwind.indicators.mechanisms.organic_demand import organic_block
from unwind.indicators.mechanisms.rebound import rebound_block
from unwind.indicators.mechanisms.session_hours import hours_block
from unwind.indicators.mechanisms.traded_volume import volume_block
from unwind.indicators.mechanisms.yen import yen_block

Block = Callable[[RunContext], list[Mechanism]]
BLOCKS: tuple[Block, ...] = (
    flow_block,
    hours_block,
    note_mechanisms,
    option_mechanisms,
    rebound_block,
    volume_block,
    yen_block,
)


def mechanism_rows(context: RunContext) -> pd.DataFrame:
    """Rows of the table `mechanisms` for the session."""
    view = futures_view(context)
    held = [
        *futures_mechanisms(view),
        *organic_block(view),
        *(row for block in BLOCKS for row in block(context)),
    ]
    return laid_out(held, context)


def laid_out(held: list[Mechanism], context: RunContext) -> pd.DataFrame:
    """Lay indicators out as rows of the table."""
    if not held:
        return pd.DataFrame()
    rows = pd.DataFrame(
        [{name: getattr(row, name) for name in Mechanism.__slots__} for row in held]
    )
    rows["describes"] = rows["describes"].dt.date
    return context.stamped(rows)
