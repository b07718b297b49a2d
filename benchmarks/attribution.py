"""`python -m benchmarks.attribution`: what the ledger says of simulated markets with known truth.

Each market is scored at one session, two sessions later: with all data, without the flow table and
without the tables of futures and open interest. The event session is scored, and of the slow
outflow, which has no one day, its last session. Option chains and notes are left out: they speak
for the amplifier. Weights were set on seeds below 1,000; the record uses others.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from unwind.analysis import Market, observe, observe_next
from unwind.market import default_known_at, read_rejected
from unwind.observations import INPUT_TABLES
from unwind.rows.attribution import account
from unwind.rows.etf_flows import flow_block
from unwind.rows.evidence import Evidence, session_evidence
from unwind.rows.futures_mechanisms import futures_mechanisms
from unwind.rows.mechanism import MISSING
from unwind.rows.mechanisms import MECHANISM_INPUTS, laid_out
from unwind.rows.moment import Moment
from unwind.rows.option_mechanisms import option_mechanisms
from unwind.rows.regimes import decide, is_raised
from unwind.rows.session_hours import hours_block
from unwind.rows.traded_volume import volume_block
from unwind.rows.yen import yen_block
from unwind.sessions import all_sessions, publication_instant
from unwind.settings import Settings
from unwind.sources.scenarios import SCENARIOS
from unwind.sources.simulated import SimulatedMarket, simulate_market

EVENT = date(2026, 2, 5)
DAYS_BEFORE, SESSIONS_AFTER = 560, 2
FIRST_SEED = 1000
LEFT_OUT = ("option_chains", "structured_notes")
BLOCKS = (flow_block, futures_mechanisms, hours_block, option_mechanisms, volume_block, yen_block)
# What each removal leaves without a reading.
REMOVALS: Mapping[str, tuple[str, ...]] = {
    "all data": (),
    "without flows": ("flow_base", "flow_total", "flow_run"),
    "without futures": (
        "cme_type", "basis_change", "basis_level", "offshore_type", "offshore_open_interest",
        "divergence", "funding",
    ),
}  # fmt: skip
OUTPUT = Path(__file__).parents[1] / "docs" / "attribution.md"


def market_of(
    simulated: SimulatedMarket, settings: Settings, *, without: tuple[str, ...]
) -> Market:
    """Hold the tables of a simulated market as vintages, dated by the rules of the settings."""
    vintages = {}
    for name, table in INPUT_TABLES.items():
        rows = simulated.tables[name]
        if name in without:
            vintages[name] = pd.DataFrame({column: [] for column in (*table.columns, "known_at")})
            continue
        known = default_known_at(rows, table, settings)
        own = rows["known_at"] if "known_at" in rows.columns else known
        vintages[name] = rows.assign(known_at=own.where(own.notna(), known)).sort_values(
            [*table.key, "known_at"], kind="stable", ignore_index=True
        )
    return Market(vintages=vintages, rejected=read_rejected(Path("nowhere")))


def scored_session(simulated: SimulatedMarket) -> date:
    """The session that is asked about."""
    if simulated.truth.mechanism == "fundamental_outflow":
        assert simulated.truth.last_session is not None
        return simulated.truth.last_session
    return EVENT


def evidence_of(
    scenario: str, seed: int, settings: Settings, *, without: tuple[str, ...] = LEFT_OUT
) -> tuple[dict[str, Evidence], bool]:
    """The evidence of a market's scored session, and whether the verdict was raised there."""
    first = (pd.Timestamp(EVENT) - pd.Timedelta(days=DAYS_BEFORE)).date()
    last = (pd.Timestamp(EVENT) + pd.Timedelta(days=30)).date()
    simulated = simulate_market(scenario, seed=seed, first=first, last=last, event=EVENT)
    day = scored_session(simulated)
    sessions = all_sessions()
    late = sessions[int(sessions.searchsorted(pd.Timestamp(day))) + SESSIONS_AFTER].date()
    moment = Moment(
        as_of=day, cutoff=publication_instant(late, settings.publication), source="simulated"
    )
    market = market_of(simulated, settings, without=without)
    panel = observe(market, moment, settings=settings)
    inputs = {name: market.known(name, cutoff=moment.cutoff) for name in MECHANISM_INPUTS}
    rows = [row for block in BLOCKS for row in block(inputs, panel, moment, settings=settings)]
    verdict = decide(
        panel, market.known("equity_factors_pct", cutoff=moment.cutoff), settings=settings
    )
    held = session_evidence(
        laid_out(rows, moment, settings=settings), inputs["published_zscores"], panel,
        observe_next(market, moment, settings=settings),
        verdict, moment, settings=settings,
    )  # fmt: skip
    return held, is_raised(verdict, moment)


def removed(held: Mapping[str, Evidence], names: tuple[str, ...]) -> dict[str, Evidence]:
    """The evidence as it would be had those readings not been known."""
    return {
        name: Evidence(
            value=float("nan"), describes=one.describes, known_at=one.known_at, quality=MISSING,
            reason="left out",
        )
        if name in names else one
        for name, one in held.items()
    }  # fmt: skip


def said(held: Mapping[str, Evidence], alarmed: bool, settings: Settings) -> str:
    """What the ledger says in one word: the name, or why there is none."""
    finding = account(held, alarmed=alarmed, chosen=settings.attribution).finding
    return finding.named or finding.verdict


def run(markets: int, settings: Settings, *, workers: int) -> dict[str, dict[str, Counter[str]]]:
    """What was said of each scenario, by removal."""
    jobs = [
        (scenario, seed)
        for seed in range(FIRST_SEED, FIRST_SEED + markets)
        for scenario in SCENARIOS
    ]
    answers = Parallel(n_jobs=workers)(
        delayed(evidence_of)(scenario, seed, settings) for scenario, seed in jobs
    )
    told: dict[str, dict[str, Counter[str]]] = {
        name: {scenario: Counter() for scenario in SCENARIOS} for name in REMOVALS
    }
    for (scenario, _), (held, alarmed) in zip(jobs, answers, strict=True):
        for name, left_out in REMOVALS.items():
            told[name][scenario][said(removed(held, left_out), alarmed, settings)] += 1
    return told
