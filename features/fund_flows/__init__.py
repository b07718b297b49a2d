"""Creations and redemptions of exchange-traded funds, and their traded volume."""

from features.fund_flows.creations import (
    AGREE,
    calendar_indicators,
    creation_share,
    cumulative_surprise,
    dating_match,
    flow_design,
    premium,
    rolled_assets,
    unfinished_funds,
    vendor_conflict,
)
from features.fund_flows.organic_demand import arbitrage_design, inflow_without_expansion
from features.fund_flows.volume import options_activity, volume_design

__all__ = [
    "AGREE", "arbitrage_design", "calendar_indicators", "creation_share", "cumulative_surprise",
    "dating_match", "flow_design", "inflow_without_expansion", "options_activity",
    "premium", "rolled_assets", "unfinished_funds", "vendor_conflict", "volume_design",
]  # fmt: skip
