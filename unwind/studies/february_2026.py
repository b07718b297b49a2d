"""The claims of the review of 5 February 2026, each with the check that published rows allow.

The numbers follow the review's order. The checks read no price of their own: what they need stands
in the tables of the sessions below, so any desk's lake can be asked.
"""

from collections.abc import Callable
from datetime import date

from scipy.stats import norm, t

from unwind.contract.text import interval, magnitude, number, percent
from unwind.hypotheses import MECHANISMS
from unwind.report.format import Row
from unwind.studies.claims import (
    CONFIRMED,
    CONTESTED,
    NOT_REPRODUCIBLE,
    UNTESTABLE,
    Claim,
    Finding,
    Sessions,
    row,
    without,
)
from unwind.studies.february_2026_rows import (
    AFTER,
    BASE,
    BITCOIN,
    CHAIN,
    DAYS,
    DURING,
    EVE,
    EVENT,
    GOLD,
    GOLD_CRASH,
    SOFTWARE,
    crossing,
    later_cutoff,
    mechanism,
    notes_at_barriers,
    published_figures,
    run_note,
)

# Degrees of freedom at which "worst since April", once in some 210 sessions, is 3.5σ.
USUAL_DOF = 6.0
SIGNIFICANT = 0.05
OFFSHORE = "Binance"


def _shock(sessions: Sessions, day: date, asset: str, measure: str) -> Row:
    return row(sessions, day, "shocks", asset=asset, measure=measure)


def _move(sessions: Sessions, day: date, asset: str) -> float:
    return float(_shock(sessions, day, asset, "return")["simple_return"])


def _simple(move: float) -> str:
    return percent(move, decimals=2, signed=True)


def _fall(sessions: Sessions) -> Finding:
    base, bitcoin = (_move(sessions, EVENT, asset) for asset in (BASE, BITCOIN))
    return Finding(
        verdict=CONFIRMED if abs(base + 0.132) < 0.001 else CONTESTED,
        value=f"{BASE} {_simple(base)}, {BITCOIN} {_simple(bitcoin)}; simple, 16:00 New York to "
        "16:00",
        rule="within 0.1 points of 13.2 %",
    )


def _volume(sessions: Sessions) -> Finding:
    shares, dollars = (
        _shock(sessions, EVENT, BASE, measure) for measure in ("volume_shares", "volume_dollars")
    )
    twice = min(shares["record_multiple"], dollars["record_multiple"]) >= 2
    return Finding(
        verdict=CONFIRMED if dollars["value"] > 1e10 and twice else CONTESTED,
        value=f"{magnitude(dollars['value'], currency='$')}, {magnitude(shares['value'])} shares: "
        f"{number(dollars['record_multiple'], decimals=2)} times the previous record in dollars, "
        f"{number(shares['record_multiple'], decimals=2)} in shares, both of "
        f"{dollars['previous_record_on']}",
        rule="above $10 bn, and twice the record in both units",
    )


def _sigma(sessions: Sessions) -> Finding:
    rarer = float(norm.sf(3) / norm.sf(3.5))
    unit = (USUAL_DOF / (USUAL_DOF - 2)) ** 0.5
    student = 1 / float(2 * t.sf(3.5 * unit, USUAL_DOF))
    published = published_figures(sessions)
    return Finding(
        verdict=CONFIRMED if rarer >= 9.5 else CONTESTED,
        value=f"under a normal {percent(2 * float(norm.sf(3.5)), decimals=4)} of sessions, "
        f"{number(rarer, decimals=1)} times rarer than 3σ; under a Student-t with "
        f"{USUAL_DOF:.0f} degrees of freedom 1 in {student:.0f} sessions"
        + "".join(f"; published: {figure}" for figure in published),
        rule="ten times rarer than 3σ, under a normal",
        missing=None
        if published
        else f"the broker's figure itself: no published multi-strategy z-score of {EVE} is known"
        + later_cutoff(sessions, EVE),
    )


def _pair(sessions: Sessions, day: date, asset: str) -> Row:
    return row(sessions, day, "pair_evidence", base=BASE, asset=asset)


def _links(sessions: Sessions) -> Finding:
    told = []
    for asset in (SOFTWARE, GOLD):
        path = [_pair(sessions, day, asset) for day in (EVE, EVENT, AFTER)]
        last = path[-1]
        steps = " → ".join(number(held["value"], decimals=2) for held in path)
        told.append(f"{asset} {steps}, 95 % {interval(last['lower'], last['upper'], decimals=2)}")
    tests = sessions[AFTER].tables["correlation_tests"]
    # The difference between software and gold is significant; it does not show that either rose.
    constancy = tests.loc[tests["test"] == "constancy", "family_p_value"]
    smallest = float(constancy.min())
    return Finding(
        verdict=CONFIRMED if smallest < SIGNIFICANT else CONTESTED,
        value=f"20 sessions to 4, 5, 6 February: {'; '.join(told)}; smallest p of "
        f"{len(constancy)} constancy tests, adjusted for all {len(tests)} tests: "
        f"{number(smallest, decimals=2)}",
        rule=f"a constancy test below {SIGNIFICANT} after adjustment: the rise is there, "
        "whether it is more than chance is asked",
    )


def _downside(sessions: Sessions) -> Finding:
    held = _pair(sessions, EVENT, SOFTWARE)
    explained = min(held["explained_base"], held["explained_asset"])
    excess = held["downside"] - held["downside_normal"]
    return Finding(
        verdict=CONFIRMED if explained < 0.5 and excess > 0 else CONTESTED,
        value=f"{BASE}–{SOFTWARE}: joint falls {number(held['downside'], decimals=2)} against "
        f"{number(held['downside_normal'], decimals=2)} under a normal, but volatility alone "
        f"explains {number(held['explained_base'], decimals=2)} ({BASE} as source) or "
        f"{number(held['explained_asset'], decimals=2)} of the rise",
        rule="less than half of the rise explained by volatility either way",
        missing="what triggered what: daily closes do not order it",
    )


def _flow(sessions: Sessions, day: date, fund: str) -> tuple[float, str]:
    held = mechanism(sessions, day, "flow", fund)
    told = f"{fund} {_usd(held['value'])} ({held['detail']}){run_note(held, day)}"
    return float(held["value"]), told


def _usd(millions: float) -> str:
    return number(millions, decimals=1, signed=True)


def _creations(sessions: Sessions) -> Finding:
    base, told = _flow(sessions, EVENT, BASE)
    total, all_told = _flow(sessions, EVENT, "TOTAL")
    surprise = mechanism(sessions, EVENT, "flow_surprise", BASE)
    return Finding(
        verdict=CONFIRMED if base > 0 and total > 0 else CONTESTED,
        value=f"USD m: {told}; {all_told}; surprise of {BASE} {_usd(surprise['value'])}, "
        f"{surprise['category']}, band of the vendors {_usd(surprise['lower'])} to "
        f"{_usd(surprise['upper'])}; 6 February {_usd(_flow(sessions, AFTER, BASE)[0])}",
        rule="creations on 5 February by the trade-dated vendor",
    )


def _analogues(sessions: Sessions) -> Finding:
    first, told = _flow(sessions, GOLD_CRASH, BASE)
    second, also = _flow(sessions, EVE, BASE)
    close = abs(first + 530) < 10 and abs(second + 370) < 10
    return Finding(
        verdict=CONFIRMED if close else CONTESTED,
        value=f"USD m: 30 January {told}, after {_simple(_move(sessions, DAYS[0], BASE))} on the "
        f"29th; 4 February {also}",
        rule="within $10 m of 530 and 370, trade-dated",
    )


def _basis(sessions: Sessions) -> Finding:
    first, second = (mechanism(sessions, day, "near_basis", "CME") for day in (EVENT, AFTER))
    change = mechanism(sessions, AFTER, "near_basis_change", "CME")
    moved = change["lower"] > 0
    return Finding(
        verdict=CONFIRMED if moved and second["upper"] >= 0.09 else NOT_REPRODUCIBLE,
        value=" → ".join(
            f"{percent(held['value'], decimals=1)} ({percent(held['lower'], decimals=1)} to "
            f"{percent(held['upper'], decimals=1)})"
            for held in (first, second)
        )
        + f" a year; change {percent(change['value'], decimals=1, signed=True)}, "
        f"{change['category']}; {second['detail']}",
        rule="9 % inside the band of 6 February, and a rise beyond the band of the change",
        missing=without(lambda: mechanism(sessions, EVENT, "open_interest_type", "CME")),
    )


def _divergence(sessions: Sessions) -> Finding:
    # The settings name the venues, and the item says which.
    change = mechanism(sessions, AFTER, "venue_divergence")
    venue, _, offshore = change["item"].partition("-")
    faster = CONFIRMED if change["value"] > 0 else CONTESTED
    return Finding(
        verdict=faster if offshore == OFFSHORE else NOT_REPRODUCIBLE,
        value=f"log change of {venue} less {offshore} "
        f"{number(change['value'], decimals=3, signed=True)}",
        rule=f"{venue}'s open interest grew faster than {offshore}'s, both in BTC",
        missing=None
        if offshore == OFFSHORE
        else f"open interest of {OFFSHORE}: the settings' offshore venue is {offshore}",
    )


def _options(sessions: Sessions) -> Finding:
    before, held = (mechanism(sessions, day, "implied_gap", "DVOL") for day in (EVE, EVENT))
    return Finding(
        verdict=CONFIRMED if held["z"] > 2 and held["value"] > before["value"] else CONTESTED,
        value=f"{held['detail']}: gap {percent(held['value'], decimals=1, signed=True)}, z "
        f"{number(held['z'], decimals=1, signed=True)}{run_note(held, EVENT)}; the day before "
        f"{percent(before['value'], decimals=1, signed=True)}{run_note(before, EVE)}",
        rule="implied volatility rose beyond its forecast by z > 2; contracts and puts apart",
        missing=without(lambda: mechanism(sessions, EVENT, "options_volume", BASE)),
    )


def _gamma(sessions: Sessions) -> Finding:
    reason = without(lambda: mechanism(sessions, EVENT, "gamma_exposure", BASE))
    if reason is None:
        held = mechanism(sessions, EVENT, "gamma_exposure", BASE)
        return Finding(
            verdict=CONFIRMED if held["category"] == "short" else CONTESTED,
            value=_exposure(held), rule="short under every convention of signs",
        )  # fmt: skip
    later = mechanism(sessions, CHAIN, "gamma_exposure", BASE)
    return Finding(
        verdict=UNTESTABLE, value=f"a week later, {CHAIN}: {_exposure(later)}",
        rule="short under every convention of signs, on the day", missing=reason,
    )  # fmt: skip


def _exposure(held: Row) -> str:
    return (
        f"{held['category']}; {magnitude(held['value'], currency='$')} per 1 % of spot, "
        f"{magnitude(held['lower'], currency='$')} to {magnitude(held['upper'], currency='$')}"
    )


def _barriers(sessions: Sessions) -> Finding:
    levels = notes_at_barriers(sessions)
    absent = [barrier for barrier, notes in levels.items() if not notes]
    values, crossed = [], []
    for notes in filter(None, levels.values()):
        dates = {note: crossing(sessions, note) for note in notes}
        values += [f"{note}, barrier {notes[note]}: crossed {dates[note]}" for note in notes]
        crossed.append(DURING in dates.values())
    return Finding(
        verdict=CONTESTED if not all(crossed) else UNTESTABLE if absent else CONFIRMED,
        value="; ".join(values),
        rule=f"a note at each barrier crossed after the close of {EVE} and by that of {EVENT}",
        missing="what the issuers traded: rows hold barriers, not hedges"
        + (f"; a note with its barrier at {' or '.join(absent)}" if absent else ""),
    )


def _portfolios(sessions: Sessions) -> Finding:
    held = _pair(sessions, EVENT, SOFTWARE)
    return Finding(
        verdict=UNTESTABLE,
        value=f"{BASE}–{SOFTWARE} {number(held['value'], decimals=2)}, given {held['control']} "
        f"{number(held['partial'], decimals=2)}: not Nasdaq alone",
        rule="prices do not show holders",
        missing="holdings of the model portfolios",
    )


def _stories(sessions: Sessions) -> Finding:
    held = {name: row(sessions, EVENT, "attribution", hypothesis=name) for name in MECHANISMS}
    rivals = [one["posterior"] for name, one in held.items() if name != "multi_strategy"]
    first = held["multi_strategy"]
    listed = ", ".join(f"{name} {number(o['posterior'], decimals=2)}" for name, o in held.items())
    return Finding(
        verdict=CONFIRMED if max(rivals) < SIGNIFICANT else CONTESTED,
        value=f"{listed}; {first['verdict']}: {first['reason']}",
        rule=f"each rival below {SIGNIFICANT}",
        missing=first["blocks_missing"] and f"blocks without a reading: {first['blocks_missing']}",
    )


def _gold(sessions: Sessions) -> Finding:
    crash = _move(sessions, GOLD_CRASH, GOLD)
    link = _pair(sessions, EVENT, GOLD)
    vote = row(
        sessions, EVENT, "evidence", hypothesis="multi_strategy", indicator="gold_link"
    )  # fmt: skip
    spans_zero = link["lower"] < 0 < link["upper"]
    return Finding(
        verdict=CONTESTED if spans_zero else CONFIRMED,
        value=f"{BASE}–{GOLD} {number(link['value'], decimals=2)}, 95 % "
        f"{interval(link['lower'], link['upper'], decimals=2)}; the window holds "
        f"{_simple(crash)} of 30 January; its vote for multi-strategy "
        f"{number(vote['contribution'], decimals=2, signed=True)} log-odds",
        rule="an interval without zero; gold measures breadth and names no seller",
    )


def _rebound(sessions: Sessions) -> Finding:
    base, bitcoin = (_move(sessions, AFTER, asset) for asset in (BASE, BITCOIN))
    link = mechanism(sessions, AFTER, "rebound_correlation", "universe")
    return Finding(
        verdict=CONFIRMED if base > 0.10 else CONTESTED,
        value=f"{BASE} {_simple(base)}, {BITCOIN} {_simple(bitcoin)} (16:00 New York); moves of "
        f"the two sessions correlate {number(link['value'], decimals=2, signed=True)} over "
        f"{link['n']:.0f} assets: the losers gained",
        rule=f"{BASE} above 10 %",
    )


def _demand(sessions: Sessions) -> Finding:
    flag = mechanism(sessions, AFTER, "inflow_without_expansion", "TOTAL")
    return Finding(
        verdict=UNTESTABLE,
        value=f"inflow without a wider basis on 6 February: {'yes' if flag['value'] else 'no'}",
        rule="a thing to watch, not a statement about these days",
        missing=without(lambda: mechanism(sessions, AFTER, "organic_flow", "TOTAL")),
    )


def _rival(sessions: Sessions) -> Finding:
    yen = mechanism(sessions, EVENT, "yen_move", "USDJPY")
    held = row(sessions, EVENT, "attribution", hypothesis="dealer_feedback")
    return Finding(
        verdict=UNTESTABLE,
        value=f"USDJPY {percent(yen['value'], decimals=2, signed=True)} (log), z "
        f"{number(yen['z'], decimals=1, signed=True)}: the yen "
        f"{'fell, as no carry unwind would have it' if yen['value'] > 0 else 'rose'}; dealer and "
        f"short-volatility feedback {number(held['posterior'], decimals=2)}",
        rule="prices do not show one fund's book",
        missing="the fund's positions; of the amplifier: " + (held["blocks_missing"] or "nothing"),
    )


_CHECKED: tuple[tuple[str, Callable[[Sessions], Finding]], ...] = (
    ("BTC/IBIT fell 13.2 % on 5 February", _fall),
    ("IBIT's volume passed $10 bn, twice the previous record", _volume),
    ("Multi-strategy z-score of 3.5 on 4 February: 0.05 %, ten times rarer than 3σ", _sigma),
    ("IBIT moves with software, even with gold", _links),
    ("Anomalous downside correlation set off the degrossing", _downside),
    ("Net creations on 5 February: +$230 m IBIT, +$300 m all funds", _creations),
    ("Earlier: $530 m redeemed on 30 January after −5.8 %, $370 m on 4 February", _analogues),
    ("Near CME basis 3.3 % → 9 %: a forced unwind of the basis trade", _basis),
    ("CME's open interest grew faster than Binance's in the rebound", _divergence),
    ("Record options, heavy in puts, implied volatility to 90 %", _options),
    ("Dealers short gamma between 64k and 71k", _gamma),
    ("Knock-in notes at 43.6 and 38–39 sold into the fall", _barriers),
    ("Rebalanced model portfolios hold IBIT with IGV", _portfolios),
    ("No crypto-native liquidation, no yen carry, no fundamental outflow", _stories),
    ("Gold's co-movement confirms multi-strategy selling", _gold),
    ("A rebound of more than 10 % on 6 February", _rebound),
    ("To watch: net inflows without a wider basis are real demand", _demand),
    ("A rival theory: a Hong Kong fund, yen-funded, in IBIT options", _rival),
)
CLAIMS = tuple(
    Claim(number=place, text=text, check=check)
    for place, (text, check) in enumerate(_CHECKED, start=1)
)
