"""Rows of the table `mechanisms`: the indicators behind a move, block by block."""

from collections.abc import Callable, Mapping

import pandas as pd

from features.panel import Panel
from unwind.indicators.block import Mechanism
from unwind.indicators.context import Moment, stamped
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
from unwind.settings import Settings

# What the blocks read beside the panel, as it was known at the cut-off.
MECHANISM_INPUTS: tuple[str, ...] = (
    "cftc_positions",
    "crypto_hourly",
    "etf_flows",
    "futures",
    "implied_vol",
    "open_interest",
    "option_chains",
    "perpetuals",
    "prices",
    "published_zscores",
    "structured_notes",
)

Block = Callable[..., list[Mechanism]]
BLOCKS: tuple[Block, ...] = (
    flow_block,
    hours_block,
    note_mechanisms,
    option_mechanisms,
    rebound_block,
    volume_block,
    yen_block,
)


def mechanism_rows(
    inputs: Mapping[str, pd.DataFrame], panel: Panel, moment: Moment, *, settings: Settings
) -> pd.DataFrame:
    """Rows of the table `mechanisms` for the session.

    Parameters
    ----------
    inputs : dict of str to DataFrame
        Input table → its rows known at the cut-off; empty where no source printed it.
    panel, moment, settings
    """
    view = futures_view(inputs, panel, moment, settings=settings)
    held = [
        *futures_mechanisms(view),
        *organic_block(inputs, view),
        *(row for block in BLOCKS for row in block(inputs, panel, moment, settings=settings)),
    ]
    return laid_out(held, moment, settings=settings)


def laid_out(held: list[Mechanism], moment: Moment, *, settings: Settings) -> pd.DataFrame:
    """Lay indicators out as rows of the table."""
    if not held:
        return pd.DataFrame()
    rows = pd.DataFrame(
        [{name: getattr(row, name) for name in Mechanism.__slots__} for row in held]
    )
    rows["describes"] = rows["describes"].dt.date
    return stamped(rows, moment, settings)
