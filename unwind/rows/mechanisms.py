"""Rows of the table `mechanisms`: the indicators behind a move, block by block."""

from collections.abc import Callable, Mapping

import pandas as pd

from features.panel import Panel
from unwind.rows.etf_flows import flow_block
from unwind.rows.mechanism import Mechanism
from unwind.rows.moment import Moment, stamped
from unwind.rows.rebound import rebound_block
from unwind.rows.session_hours import hours_block
from unwind.rows.traded_volume import volume_block
from unwind.rows.yen import yen_block
from unwind.settings import Settings

Block = Callable[..., list[Mechanism]]
BLOCKS: tuple[Block, ...] = (
    flow_block,
    hours_block,
    rebound_block,
    volume_block,
    yen_block,
)

# What the blocks read beside the panel, as it was known at the cut-off.
MECHANISM_INPUTS: tuple[str, ...] = (
    "crypto_hourly",
    "etf_flows",
    "option_chains",
    "published_zscores",
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
    held = [row for block in BLOCKS for row in block(inputs, panel, moment, settings=settings)]
    if not held:
        return pd.DataFrame()
    rows = pd.DataFrame(
        [{name: getattr(row, name) for name in Mechanism.__slots__} for row in held]
    )
    rows["describes"] = rows["describes"].dt.date
    return stamped(rows, moment, settings)
