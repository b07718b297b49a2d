"""The message of an alert: verdict, three drivers, what is uncertain, mechanism, links."""

from typing import Any

from unwind.alerts.notices import Notice
from unwind.contract.text import both_clocks, is_simulated, number, plain
from unwind.files.location import LakeError
from unwind.report.caveats import uncertainties
from unwind.report.digest import LARGEST, Driver, Verdict, read_verdict
from unwind.report.format import records
from unwind.report.session import SessionDay, json_number


def compose(
    notice: Notice, day: SessionDay, *, corrects: bool, links: dict[str, str]
) -> dict[str, Any]:
    """Write the message: verdict, three drivers, what is uncertain, attribution, links.

    Parameters
    ----------
    notice : Notice
    day : SessionDay
        The session that it is about.
    corrects : bool
        The desk heard another state for this session before.
    links : dict of str

    Returns
    -------
    dict
        `subject` and `body` for a person, every figure unrounded for a machine.
    """
    regime = day.regime
    verdict = read_verdict(day.tables["regimes"])
    if verdict is None:
        raise LakeError(f"{day.as_of} has no verdict to tell; run the session again")
    doubts = list(uncertainties(day.tables))
    finding = _attribution(day)
    change = (
        f"{notice.from_state} → {notice.to_state}"
        if notice.kind == "transition"
        else f"still {notice.to_state}"
    )
    marks = ("SIMULATED DATA. " if is_simulated(notice.source) else "") + (
        "Correction. " if corrects else ""
    )
    return {
        "subject": f"{marks}{plain(notice.base)}: {change}, session {notice.as_of}",
        "body": _body(marks, day, verdict, doubts, links),
        "simulated": is_simulated(notice.source),
        "corrects": corrects,
        "cutoff": regime["cutoff"].isoformat(),
        "snapshot": day.snapshot.name,
        "score": json_number(regime["score"]),
        "probability": json_number(regime["probability"]),
        "probability_interval": [
            json_number(regime["probability_lower"]), json_number(regime["probability_upper"]),
        ],
        "base_rate_in_band": json_number(regime["base_rate_in_band"]),
        "sessions_in_state": int(regime["sessions_in_state"]),
        "drivers": [
            {"driver": driver.name, "meaning": driver.meaning, "contribution": driver.contribution}
            for driver in verdict.largest[:LARGEST]
        ],
        "uncertain": doubts,
        "attribution": finding,
        "links": links,
    }  # fmt: skip


def _body(
    marks: str, day: SessionDay, verdict: Verdict, doubts: list[str], links: dict[str, str]
) -> str:
    regime = day.regime
    lines = [
        f"{marks}{verdict.duration[0].upper()}{verdict.duration[1:]}.",
        verdict.headline,
        f"Score {verdict.score_text}; {verdict.threshold_text}.",
    ]
    if verdict.odds_text:
        lines.append(verdict.odds_text)
    lines += [f"Driver: {_driver(driver)}" for driver in verdict.largest[:LARGEST]]
    lines.append(f"Mechanism: {_attribution(day)['sentence']}")
    lines += [f"Uncertain: {sentence}" for sentence in doubts]
    lines.append(f"Known by {' = '.join(both_clocks(regime['cutoff']))}.")
    return "\n".join([*lines, *(f"{name}: {place}" for name, place in links.items())])


def _driver(driver: Driver) -> str:
    return f"{number(driver.contribution, decimals=2, signed=True)} {driver.meaning}"


def _attribution(day: SessionDay) -> dict[str, Any]:
    rows = records(day.tables["attribution"])
    if not rows:
        return {"verdict": None, "named": None, "sentence": "not weighed for this session."}
    first = rows[0]
    return {
        "verdict": first["verdict"],
        "named": first["named"],
        "sentence": plain(first["sentence"]),
    }
