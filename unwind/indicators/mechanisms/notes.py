"""The block "notes": barriers of structured notes, how near they are and what hangs on them."""

from dataclasses import replace

import numpy as np

from features.constants import SESSIONS_PER_YEAR
from features.derivatives import (
    AMERICAN,
    KnockInPut,
    barrier_distance,
    knock_in_put,
    terminal_probability,
)
from unwind.indicators.block import MISSING, PARTIAL, Block, Mechanism, missing
from unwind.indicators.context import RunContext
from unwind.indicators.mechanisms.note_states import (
    KNOCKED_IN,
    PERCENT,
    Note,
    barrier_map,
    live_notes,
    standing_notes,
    touch_probability,
)
from unwind.indicators.mechanisms.views import BarrierView, barrier_view, missing_reason
from unwind.settings import Settings

BLOCK = "notes"
PROBABILITY, DOLLARS = "probability", "USD"
GREEKS = {
    "knock_in_value": ("value", "share of notional"),
    "knock_in_delta": ("delta", "units a unit"),
    "knock_in_gamma": ("gamma", "change of delta for 1 % of spot"),
    "knock_in_vanna": ("vanna", "change of delta for 0.01 of volatility"),
}
TOTALS = (
    ("barrier_proximity", PROBABILITY),
    ("notional_density", "USD per 1 % of spot"),
    ("issuer_delta", DOLLARS),
    ("issuer_gamma", "USD per 1 % of spot"),
    ("issuer_vanna", "USD per 0.01 of volatility"),
)


def notes_block(context: RunContext) -> Block:
    """Totals of the notes on the base, each note on its own, and the map of barriers."""
    base = context.settings.universe.base
    held = live_notes(context.inputs["structured_notes"], context)
    if held.empty:
        reason = "no structured note was known by the cut-off: the table is maintained manually"
        return Block(
            rows=[
                missing(BLOCK, name, base, context, unit=unit, reason=reason)
                for name, unit in TOTALS
            ],
            view=reason,
        )
    notes: list[Note] = []
    rows: list[Mechanism] = []
    unmeasured: str | None = None
    whole = held[["barrier", "notional_usd"]].notna().all(axis=1)
    rows += [
        missing(
            BLOCK,
            "barrier_distance",
            str(name),
            context,
            unit="σ",
            reason="barrier or notional is empty",
        )
        for name in held.loc[~whole, "note"]
    ]
    for underlying, group in held[whole].groupby("underlying"):
        found, fault = standing_notes(group, str(underlying), context)
        notes += found
        if fault is not None:
            unmeasured = fault if underlying == base else unmeasured
            rows += [
                missing(BLOCK, "barrier_distance", str(name), context, unit="σ", reason=fault)
                for name in group["note"]
            ]
    priced = [(note, _puts(note, context.settings)) for note in notes]
    for note, puts in priced:
        rows += _note_rows(note, puts, context)
    own = [(note, puts) for note, puts in priced if note.underlying == base]
    totals = _totals(own, base, context)
    view: BarrierView | str
    if own:
        view = barrier_view([note for note, _ in own], base, context.settings)
    else:
        reason = missing_reason(totals, "barrier_proximity") or ""
        view = unmeasured or reason
    return Block(rows=[*totals, *rows], view=view)


def _note_rows(note: Note, puts: list[KnockInPut], context: RunContext) -> list[Mechanism]:
    sigma, horizon = note.volatility.value, context.settings.notes.horizon_sessions
    within = min(horizon / SESSIONS_PER_YEAR, note.years)
    touch = touch_probability(note, within, context.settings)
    terms = (
        f"barrier {note.barrier:.2f}, spot {note.spot:.2f}, {note.observation}, "
        f"{note.years:.2f} years left; {note.volatility.detail}"
    )
    if note.touched_on is not None:
        terms += f"; touched on {note.touched_on:%Y-%m-%d}"
    plain = Mechanism(
        block=BLOCK, indicator="barrier_distance", item=note.name, unit=f"σ of {horizon} sessions",
        describes=context.stamp, known_at=note.known_at, quality=note.volatility.quality,
        value=float(
            barrier_distance(
                note.spot, note.barrier, volatility=sigma, years=horizon / SESSIONS_PER_YEAR
            )
        ),
        category=note.state, detail=terms,
    )  # fmt: skip
    return [
        plain,
        # The level itself, and on what: a reader of the rows finds a note by its barrier.
        replace(
            plain, indicator="barrier", unit="price", value=note.barrier, category=note.underlying
        ),
        replace(
            plain, indicator="hitting_probability", unit=PROBABILITY, value=touch,
            detail=f"touch within {horizon} sessions or by maturity, whatever is observed; {terms}",
        ),
        _banded(
            plain, note, "knock_in_probability", PROBABILITY,
            [_knock_in_probability(note, kind, context.settings) for kind in note.observations],
        ),
        *_greek_rows(plain, note, puts),
    ]  # fmt: skip


def _knock_in_probability(note: Note, kind: str, settings: Settings) -> float:
    """Probability that the put is alive at maturity."""
    if kind == AMERICAN:
        return 1.0 if note.touched_on is not None else touch_probability(note, note.years, settings)
    return float(
        terminal_probability(
            note.spot, note.barrier, volatility=note.volatility.value, years=note.years,
            drift=settings.notes.drift,
        )
    )  # fmt: skip


def _banded(
    plain: Mechanism, note: Note, indicator: str, unit: str, values: list[float]
) -> Mechanism:
    """A row whose value is the first; both ends where the observation is not known."""
    row = replace(plain, indicator=indicator, unit=unit, value=values[0])
    if len(values) == 1:
        return row
    return replace(
        row, lower=min(values), upper=max(values), quality=PARTIAL,
        detail=f"value as {note.observations[0]}, band to {note.observations[1]}; {plain.detail}",
    )  # fmt: skip


def _puts(note: Note, settings: Settings) -> list[KnockInPut]:
    """One put an observation that may hold; none where the strike is not known."""
    if np.isnan(note.strike):
        return []
    return [
        knock_in_put(
            note.spot, note.strike, note.barrier, years=note.years,
            volatility=note.volatility.value, rate=settings.options.rate,
            dividend_yield=settings.options.dividend_yield, observation=kind,
            knocked_in=note.touched_on is not None,
        )
        for kind in note.observations
    ]  # fmt: skip


def _greek_rows(plain: Mechanism, note: Note, puts: list[KnockInPut]) -> list[Mechanism]:
    if not puts:
        reason = f"no close of {note.underlying} at issue, so the strike is not known"
        return [
            replace(
                plain, indicator=indicator, unit=unit, value=np.nan, quality=MISSING, reason=reason
            )
            for indicator, (_, unit) in GREEKS.items()
        ]
    scales = {
        "value": 1 / note.strike, "delta": 1.0, "gamma": note.spot / PERCENT, "vanna": 1 / PERCENT,
    }  # fmt: skip
    struck = replace(
        plain, detail=f"struck at {note.strike:.2f}, the close at issue; {plain.detail}"
    )
    return [
        _banded(
            struck, note, indicator, unit, [getattr(put, greek) * scales[greek] for put in puts]
        )
        for indicator, (greek, unit) in GREEKS.items()
    ]


def _totals(
    priced: list[tuple[Note, list[KnockInPut]]], base: str, context: RunContext
) -> list[Mechanism]:
    if not priced:
        reason = f"no note on {base} could be measured"
        return [
            missing(BLOCK, name, base, context, unit=unit, reason=reason) for name, unit in TOTALS
        ]
    notes = [note for note, _ in priced]
    waiting = [note for note in notes if note.state != KNOCKED_IN]
    ahead = [note for note in waiting if note.spot > note.barrier]
    total, left, near = (_millions(group) for group in (notes, waiting, ahead))
    terms = (
        f"{len(notes)} notes of {total:.1f} M USD: {total - left:.1f} M knocked in, "
        f"{left - near:.1f} M below a barrier that may not count yet; {notes[0].volatility.detail}"
    )
    unknown = any(len(note.observations) > 1 for note in notes)
    plain = Mechanism(
        block=BLOCK, indicator="barrier_proximity", item=base, unit=PROBABILITY,
        describes=context.stamp, known_at=max(note.known_at for note in notes),
        quality=PARTIAL if unknown else notes[0].volatility.quality, n=len(ahead), detail=terms,
    )  # fmt: skip
    if ahead:
        rows = _near_rows(plain, ahead, context.settings)
    else:
        reason = f"no note on {base} has its barrier below spot"
        rows = [
            replace(plain, indicator=name, unit=unit, quality=MISSING, reason=reason)
            for name, unit in TOTALS[:2]
        ]
    return [*rows, *_issuer_rows(plain, priced)]


def _millions(notes: list[Note]) -> float:
    return sum(note.notional for note in notes) / 1e6


def _near_rows(plain: Mechanism, ahead: list[Note], settings: Settings) -> list[Mechanism]:
    horizon, reach = settings.notes.horizon_sessions, settings.notes.reach
    weights = np.array([note.notional for note in ahead])
    touch = [
        touch_probability(note, min(horizon / SESSIONS_PER_YEAR, note.years), settings)
        for note in ahead
    ]
    density = barrier_map(ahead, reach=reach)
    below = density[density["percent"] < 0]
    peak = below.iloc[int(below["notional"].argmax())]
    return [
        replace(
            plain, value=float(np.average(touch, weights=weights)),
            detail=f"mean over notional of touch within {horizon} sessions; {plain.detail}",
        ),
        replace(
            plain, indicator="notional_density", unit=TOTALS[1][1],
            value=float(below["notional"].mean()),
            detail=(
                f"mean over the {reach:.0%} below spot; most, {peak['notional'] / 1e6:.1f} M USD, "
                f"in {peak['lower']:.2f}–{peak['upper']:.2f}; {plain.detail}"
            ),
        ),
    ]  # fmt: skip


def _issuer_rows(plain: Mechanism, priced: list[tuple[Note, list[KnockInPut]]]) -> list[Mechanism]:
    """Greeks of the puts that issuers own; signs as in gamma_exposure: they hold −delta."""
    struck = [(note, puts) for note, puts in priced if puts]
    if not struck:
        reason = "no note has a strike: no close at issue"
        return [
            replace(plain, indicator=name, unit=unit, quality=MISSING, reason=reason)
            for name, unit in TOTALS[2:]
        ]
    rows = []
    for (name, unit), greek, scale in zip(
        TOTALS[2:], ("delta", "gamma", "vanna"), (1.0, priced[0][0].spot / PERCENT, 1 / PERCENT),
        strict=True,
    ):  # fmt: skip
        amounts = [
            [getattr(put, greek) * scale * note.spot * note.notional / note.strike for put in puts]
            for note, puts in struck
        ]
        lower, upper = (sum(side(amount) for amount in amounts) for side in (min, max))
        rows.append(
            replace(
                plain, indicator=name, unit=unit, value=sum(amount[0] for amount in amounts),
                lower=lower if lower < upper else np.nan,
                upper=upper if lower < upper else np.nan,
                n=len(struck),
                detail=f"issuers own the puts and hold −delta against them; {plain.detail}",
            )
        )  # fmt: skip
    return rows
