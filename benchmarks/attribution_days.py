"""Real days and the hours of ordinary falls, for `python -m benchmarks.attribution`.

A day is scored with what was known two sessions later. Where a folder has no price of the desk's
base, its coin is the base, and before there is a coin, SPY.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from features.intraday import move_shares, session_split
from models.attribution import block_contributions
from unwind.calendar import all_sessions, cash_hours, cut_instants, publication_instant
from unwind.hypotheses import ORDINARY, WORDS
from unwind.indicators.attribution import Account, account
from unwind.indicators.context import Slot
from unwind.indicators.evidence import Evidence, session_evidence
from unwind.indicators.mechanisms.table import mechanisms
from unwind.indicators.verdict import decide, is_raised
from unwind.market.store import ingest
from unwind.pipeline import Market, load_market, observe, observe_next
from unwind.settings import Settings, parse_settings
from unwind.sources.files import FilesSource

# Day → the hypotheses that may be named of it.
DAYS: Mapping[date, tuple[str, ...]] = {
    date(2008, 10, 10): ("dash_for_cash",),
    date(2013, 6, 20): (ORDINARY,),
    date(2020, 3, 12): ("dash_for_cash",),
    date(2020, 3, 16): ("dash_for_cash",),
    date(2020, 3, 18): ("dash_for_cash",),
    date(2021, 2, 25): (ORDINARY,),
    date(2021, 5, 19): ("crypto_native",),
    date(2024, 8, 5): ("yen_carry",),
    date(2025, 4, 3): (ORDINARY,),
    date(2025, 6, 11): (ORDINARY,),
    date(2025, 10, 10): ("crypto_native",),
    date(2025, 10, 13): ("crypto_native",),
    date(2026, 1, 30): (ORDINARY,),
    date(2026, 2, 5): ("multi_strategy",),
    date(2026, 2, 6): ("multi_strategy",),
}
RUN_UP, SESSIONS_AFTER = pd.Timedelta(days=120), 2
# Hours: sessions up to this one are the estimate, later ones the check.
ESTIMATED_TO = "2024-12"
RealAnswers = dict[date, tuple[dict[str, Evidence], bool, str]]


def real_evidence(folders: Sequence[Path], settings: Settings) -> RealAnswers:
    """Evidence of the days that the folders hold, whether the verdict was raised, and the base."""
    answers: RealAnswers = {}
    for folder in folders:
        with TemporaryDirectory() as store:
            received = pd.Timestamp(all_sessions()[-1], tz="UTC")
            ingest(Path(store), FilesSource(folder), settings=settings, received_at=received)
            market = load_market(Path(store))
        for day in DAYS:
            if (base := _base(market, pd.Timestamp(day), settings)) is not None:
                answers[day] = (*_evidence(market, day, with_base(settings, base)), base)
    return dict(sorted(answers.items()))


def _base(market: Market, day: pd.Timestamp, settings: Settings) -> str | None:
    spans = market.vintages["prices"].groupby("symbol")["session"].agg(["min", "max"])
    for symbol in (settings.universe.base, settings.futures.spot, "SPY"):
        if symbol in spans.index:
            first, last = pd.to_datetime(spans.loc[symbol])
            if first + RUN_UP <= day <= last:
                return symbol
    return None


def with_base(settings: Settings, base: str) -> Settings:
    """The settings with another base."""
    desk = settings.universe.base
    if base == desk:
        return settings
    raw = settings.model_dump(mode="json")
    universe = raw["universe"]
    for members in ("counterparts", "context"):
        universe[members] = [name for name in universe[members] if name != base]
    universe["change_pairs"] = [
        [base if name == desk else name for name in pair] for pair in universe["change_pairs"]
    ]
    universe["base"] = base
    return parse_settings(raw, origin=f"base {base}")


def _evidence(market: Market, day: date, settings: Settings) -> tuple[dict[str, Evidence], bool]:
    sessions = all_sessions()
    late = sessions[int(sessions.searchsorted(pd.Timestamp(day))) + SESSIONS_AFTER].date()
    slot = Slot(as_of=day, cutoff=publication_instant(late, settings.publication), source="files")
    context = observe(market, slot, settings=settings)
    rows, _ = mechanisms(context)
    verdict = decide(context)
    evidence = session_evidence(rows, context, observe_next(market, context), verdict)
    return evidence, is_raised(verdict, context)


def real_lines(answers: RealAnswers, settings: Settings) -> list[str]:
    """Table of the real days: leader, probability, verdict, deciding blocks."""
    lines = [
        "", "## Real days", "",
        "With what was known two sessions later. Blocks: contributions to the leader of at least "
        "0.3 log-odds; where ordinary volatility leads, to the likeliest mechanism.", "",
        "| day | base | leader | probability | verdict | named | may be named | blocks |",
        "| --- | --- | --- | ---: | --- | --- | --- | --- |",
    ]  # fmt: skip
    for day, (evidence, alarmed, base) in answers.items():
        scored = account(evidence, alarmed=alarmed, attribution=settings.attribution)
        finding = scored.finding
        named = WORDS[finding.named] if finding.named else "–"
        allowed = ", ".join(WORDS[name] for name in DAYS[day])
        lines.append(
            f"| {day} | {base} | {WORDS[finding.leader]} | "
            f"{scored.ledger.posterior[finding.leader]:.2f} | {finding.verdict} | {named} | "
            f"{allowed} | {_blocks(scored)} |"
        )
    return lines


def _blocks(scored: Account) -> str:
    likeliest = str(scored.ledger.posterior.drop(ORDINARY).idxmax())
    sums = block_contributions(scored.ledger, scored.indicators)[likeliest].sort_values()[::-1]
    blocks = ", ".join(
        f"{block} {value:+.1f}" for block, value in sums.items() if abs(value) >= 0.3
    )
    return f"{WORDS[likeliest]}: {blocks or 'none'}"


def hours_lines(folder: Path, settings: Settings) -> list[str]:
    """Centre and scale of the hours' readings, from ordinary falls of the coin.

    Centre: the median share of falls of at least [hours] min_move. Scale: 1.4826 times the median
    distance from it. Medians give the few extreme falls no weight of their own.
    """
    hours = settings.hours
    bars = pd.read_parquet(folder / "crypto_hourly.parquet")
    bars = bars[bars["symbol"] == settings.clock.hourly[hours.symbol]]
    bars["bar_start_utc"] = pd.to_datetime(bars["bar_start_utc"], utc=True)
    span = bars["bar_start_utc"].dt.tz_localize(None)
    sessions = all_sessions()
    sessions = sessions[
        (sessions > span.min() + pd.Timedelta(days=2))
        & (sessions < span.max() - pd.Timedelta(days=1))
    ]
    opens, closes = cash_hours(sessions)
    split = session_split(
        bars, sessions=sessions, cuts=cut_instants(sessions), opens=opens, closes=closes
    )
    shares = move_shares(split, min_move=hours.min_move)
    whole = split["whole"]
    ordinary = whole <= -hours.min_move
    parts = {
        "us_cash": shares["us_cash"], "asia": shares["asia"],
        "closed": shares["after_close"] + shares["weekend"],
    }  # fmt: skip
    lines = [
        "", "## Hours of ordinary falls", "",
        f"Share of a part of the day in the move of {hours.symbol} from 16:00 to 16:00 New York, "
        f"in falls of at least {hours.min_move:.0%}: median, and 1.4826 × median distance. "
        f"The settings take the estimate of the sessions to {ESTIMATED_TO}; later ones are the "
        "check. Earlier years have no hourly bars, and daily bars of the coin end at midnight UTC.",
        "",
        "| part | falls | centre | scale | falls, later | centre | scale | settings |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]  # fmt: skip
    for name, share in parts.items():
        reading = settings.attribution.indicators[name]
        cells = [
            f"{len(x)} | {x.median():.2f} | {1.4826 * (x - x.median()).abs().median():.2f}"
            for x in (share[ordinary][:ESTIMATED_TO].dropna(), _after(share[ordinary]).dropna())
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {reading.centre}, {reading.scale} |")
    return lines


def _after(share: pd.Series) -> pd.Series:
    return share[pd.DatetimeIndex(share.index).strftime("%Y-%m") > ESTIMATED_TO]


def reweighted(settings: Settings, block: str, factor: float) -> Settings:
    """The settings with every weight of a block multiplied."""
    attribution = settings.attribution
    indicators = {
        name: item.model_copy(update={"weight": factor * item.weight}) if item.block == block
        else item
        for name, item in attribution.indicators.items()
    }  # fmt: skip
    return settings.model_copy(
        update={"attribution": attribution.model_copy(update={"indicators": indicators})}
    )


def names_of(answers: RealAnswers, settings: Settings) -> dict[date, str]:
    """Name or verdict of each real day."""
    names = {}
    for day, (evidence, alarmed, _) in answers.items():
        finding = account(evidence, alarmed=alarmed, attribution=settings.attribution).finding
        names[day] = finding.named or finding.verdict
    return names


def changed_names(answers: RealAnswers, settings: Settings, other: Settings) -> str:
    """Real days whose name or verdict changes under other settings."""
    before, after = names_of(answers, settings), names_of(answers, other)
    return ", ".join(
        f"{day}: {before[day]} → {after[day]}" for day in answers if before[day] != after[day]
    )
