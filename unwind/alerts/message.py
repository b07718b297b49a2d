"""The message of an alert: verdict, three drivers, mechanism, caveats, links."""

from typing import Any

from unwind.alerts.notices import Notice
from unwind.contract.text import both_clocks, is_simulated, number, plain
from unwind.files.location import LakeError
from unwind.report.caveats import caveats
from unwind.report.digest import LARGEST, Driver, Verdict, read_verdict
from unwind.report.format import records
from unwind.report.session import SessionDay, json_number


def compose(
    notice: Notice, day: SessionDay, *, corrects: bool, links: dict[str, str]
) -> dict[str, Any]:
    """Write the message: verdict, three drivers, attribution, caveats, links.

    Parameters
    ----------
    notice : Notice
    day : SessionDay
        The session of the notice.
    corrects : bool
        An earlier alert of this session named another state.
    links : dict of str

    Returns
    -------
    dict
        `subject` and `body` as text, and every figure unrounded.
    """
    regime = day.regime
    verdict = read_verdict(day.tables["regimes"])
    if verdict is None:
        raise LakeError(f"{day.as_of} has no verdict to send; run the session again")
    listed = list(caveats(day.tables))
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
        "body": _body(marks, notice, day, verdict, listed, links),
        "simulated": is_simulated(notice.source),
        "corrects": corrects,
        "cutoff": regime["cutoff"].isoformat(),
        "snapshot": day.snapshot.name,
        "score": json_number(regime["score"]),
        "episode_share": json_number(regime["episode_share"]),
        "episode_share_interval": [
            json_number(regime["episode_share_lower"]),
            json_number(regime["episode_share_upper"]),
        ],
        "base_rate_in_band": json_number(regime["base_rate_in_band"]),
        "sessions_in_state": int(regime["sessions_in_state"]),
        "drivers": [
            {"driver": driver.name, "meaning": driver.meaning, "contribution": driver.contribution}
            for driver in verdict.largest[:LARGEST]
        ],
        "uncertain": listed,
        "attribution": finding,
        "links": links,
    }  # fmt: skip


def _body(
    marks: str,
    notice: Notice,
    day: SessionDay,
    verdict: Verdict,
    listed: list[str],
    links: dict[str, str],
) -> str:
    regime = day.regime
    lines = [
        f"{marks}{_since(notice, verdict)}.",
        f"Evidence score {verdict.score_text}; {verdict.threshold_text}.",
    ]
    if verdict.odds_text:
        lines.append(verdict.odds_text)
    lines += [f"Driver: {_driver(driver)}" for driver in verdict.largest[:LARGEST]]
    lines.append(f"Mechanism: {_attribution(day)['sentence']}")
    lines += [f"Caveat: {sentence}" for sentence in listed]
    lines.append(f"Data cut-off {' = '.join(both_clocks(regime['cutoff']))}.")
    return "\n".join([*lines, *(f"{name}: {address}" for name, address in links.items())])


def _since(notice: Notice, verdict: Verdict) -> str:
    """Sessions in the state, consistent with the change in the subject."""
    if notice.kind == "transition":
        return f"Session {notice.as_of}: {notice.to_state}, previously {notice.from_state}"
    return f"Session {verdict.sessions_in_state} in {notice.to_state}"


def _driver(driver: Driver) -> str:
    return f"{number(driver.contribution, decimals=2, signed=True)} {driver.meaning}"


def _attribution(day: SessionDay) -> dict[str, Any]:
    rows = records(day.tables["attribution"])
    if not rows:
        return {"verdict": None, "named": None, "sentence": "no attribution for this session."}
    first = rows[0]
    return {
        "verdict": first["verdict"],
        "named": first["named"],
        "sentence": plain(first["sentence"]),
    }
