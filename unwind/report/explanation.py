"""The arithmetic of one session's verdict, as JSON, as text and as a Prefect artifact."""

from typing import Any

from unwind.contract.text import is_null, number, plain
from unwind.report.digest import odds
from unwind.report.markdown import escape_markdown
from unwind.report.session import SessionDay, json_drivers, json_number


def explanation(day: SessionDay) -> dict[str, Any]:
    """Return the verdict's arithmetic: drivers, thresholds, state."""
    regime = day.regime
    return {
        "as_of": day.as_of.isoformat(),
        "state": regime["state"],
        "previous_state": regime["previous_state"],
        "sessions_in_state": int(regime["sessions_in_state"]),
        "score": json_number(regime["score"]),
        "thresholds": {
            name: json_number(regime[f"{name}_threshold"])
            for name in ("release", "watch", "deleveraging")
        },
        "return_period": json_number(regime["return_period"]),
        "episode_share": {
            "share": json_number(regime["episode_share"]),
            "lower": json_number(regime["episode_share_lower"]),
            "upper": json_number(regime["episode_share_upper"]),
        },
        "observed_return_period": json_number(regime["observed_return_period"]),
        "base_rate_in_band": {
            "share": json_number(regime["base_rate_in_band"]),
            "lower": json_number(regime["base_rate_in_band_lower"]),
            "upper": json_number(regime["base_rate_in_band_upper"]),
        },
        "cross_asset_score": json_number(regime["cross_asset_score"]),
        "calibration": regime["calibration"],
        "calibration_sample": (
            None if is_null(regime["calibration_sample"]) else regime["calibration_sample"]
        ),
        "false_alarms_per_year": json_number(regime["false_alarms_per_year"]),
        "false_alarms_per_year_bound": json_number(regime["false_alarms_per_year_bound"]),
        "drivers": json_drivers(day),
    }


def explanation_text(day: SessionDay) -> str:
    """Return the arithmetic of the verdict as text."""
    account = explanation(day)
    lines = [str(day.regime["headline"]), ""]
    lines.append(f"  {'driver':<16}{'value':>7}{'evidence':>10}{'share':>8}")
    for driver in account["drivers"]:
        cells = (
            number(driver[name], decimals=2, signed=name == "contribution")
            for name in ("value", "evidence", "contribution")
        )
        value, evidence, share = cells
        lines.append(
            f"  {driver['driver']:<16}{value:>7}{evidence:>10}{share:>8}  {driver['meaning']}"
        )
    score = "none" if account["score"] is None else number(account["score"], decimals=2)
    lines += [f"  {'score':<16}{score:>25}", "", *_rule(account)]
    lines.append(
        f"State {account['state']}, session {account['sessions_in_state']} in it; previous state "
        f"{account['previous_state']}."
    )
    return "\n".join(lines)


def _rule(account: dict[str, Any]) -> list[str]:
    """Write what the score means and how often the rule is wrong."""
    limits = account["thresholds"]
    lines = [
        "Evidence of a driver: −log₁₀ of the share of ordinary sessions that reach its value.",
        "Evidence score: −log₁₀ of the weighted harmonic mean of the drivers' p-values; the shares",
        "add up to it. Ordinary session: outside every labelled episode and its buffer.",
    ]
    if account["score"] is not None:
        out_of_sample = account["base_rate_in_band"]
        share = account["episode_share"] if out_of_sample["share"] is None else out_of_sample
        lines.append(
            odds(
                account["observed_return_period"] or account["return_period"],
                share["share"],
                share["lower"],
                share["upper"],
                in_sample=account["calibration_sample"] == "in sample",
            )
        )
    release, watch, raised = (
        number(limits[name], decimals=2) for name in ("release", "watch", "deleveraging")
    )
    lines += [
        f"Thresholds: WATCH {watch}, DELEVERAGING {raised}. DELEVERAGING goes to RELEASE below "
        f"{watch}, and RELEASE to CALM after consecutive sessions below {release}.",
    ]
    if account["cross_asset_score"] is not None:
        lines.append(
            f"Without the factor spreads the score is "
            f"{number(account['cross_asset_score'], decimals=2)}; below {watch} a score above "
            f"{raised} is DEGROSSING, not DELEVERAGING."
        )
    lines.append(
        f"Target of calibration {account['calibration']}: "
        f"{number(account['false_alarms_per_year'], decimals=2)} false alarms per year of ordinary "
        "sessions."
    )
    if account["false_alarms_per_year_bound"] is not None:
        lines.append(
            f"Stated rate: at most {number(account['false_alarms_per_year_bound'], decimals=2)} "
            "false alarms per year (upper 90 % bound, leave-blocks-of-years-out)."
        )
    return lines


def explanation_markdown(day: SessionDay) -> str:
    """Return the arithmetic of the verdict as markdown, for the Prefect artifact."""
    account = explanation(day)
    lines = ["| driver | value | evidence | share |", "|---|---:|---:|---:|"]
    lines += [
        f"| {escape_markdown(plain(driver['meaning']))} | {number(driver['value'], decimals=2)} | "
        f"{number(driver['evidence'], decimals=2)} | "
        f"{number(driver['contribution'], decimals=2, signed=True)} |"
        for driver in account["drivers"]
    ]
    lines += [f"| **score** | | | **{number(account['score'], decimals=2)}** |", ""]
    return "\n".join([*lines, *(escape_markdown(plain(line)) for line in _rule(account))])
