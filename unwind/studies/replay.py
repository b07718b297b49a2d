"""Changes of one session's conclusion as its data become known."""

from typing import Any

import pandas as pd

from unwind.hypotheses import AMPLIFIER, HYPOTHESES, WORDS
from unwind.indicators.block import CONFLICTED, MISSING
from unwind.report.markdown import escape_markdown


def replay_steps(rows: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """One step per cut-off, in order of time.

    Parameters
    ----------
    rows : dict of DataFrame
        Rows of one session at several cut-offs: `attribution`, `evidence`, `mechanisms`, `regimes`.

    Returns
    -------
    list of dict
        cutoff, state, verdict, named, posteriors, amplifier, newly_known (indicators with data for
        the first time), changed (indicators with other data than before), conflicted, basis and
        open interest as of the cut-off, sentence.
    """
    before: dict[str, tuple[Any, ...]] = {}
    steps = []
    for cutoff, scored in rows["attribution"].groupby("cutoff", sort=True):
        first = scored.iloc[0].to_dict()
        evidence = rows["evidence"]
        readings = evidence[evidence["cutoff"] == cutoff].drop_duplicates("indicator")
        known = {
            str(row["indicator"]): (row["describes"], row["value"], row["category"])
            for row in readings[readings["quality"] != MISSING].to_dict("records")
        }
        regimes = rows["regimes"]
        steps.append(
            {
                "cutoff": pd.Timestamp(str(cutoff)).isoformat(),
                "state": str(regimes.loc[regimes["cutoff"] == cutoff, "state"].iloc[0]),
                "verdict": first["verdict"],
                "named": first["named"] if isinstance(first["named"], str) else None,
                "posteriors": {
                    str(row["hypothesis"]): float(row["posterior"])
                    for row in scored.to_dict("records")
                    if row["hypothesis"] != AMPLIFIER
                },
                "amplifier": float(first["amplifier"]),
                "newly_known": [name for name in known if name not in before],
                "changed": [
                    name
                    for name, reading in known.items()
                    if name in before and not _equal(reading, before[name])
                ],
                "conflicted": sorted(readings.loc[readings["quality"] == CONFLICTED, "indicator"]),
                "futures": _futures(rows["mechanisms"], cutoff),
                "reason": first["reason"],
                "sentence": first["sentence"],
            }
        )
        before = known
    return steps


def _equal(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    return all(a == b or (pd.isna(a) and pd.isna(b)) for a, b in zip(first, second, strict=True))


def _futures(mechanisms: pd.DataFrame, cutoff: object) -> list[str]:
    """Basis with its band, and the class of open interest, with their sessions."""
    lines = []
    indicators = ("near_basis", "basis", "open_interest_type")
    rows = mechanisms[
        (mechanisms["cutoff"] == cutoff) & mechanisms["indicator"].isin(indicators)
    ].to_dict("records")
    for row in rows:
        name = f"{row['indicator']} {row['item']}"
        if row["quality"] == MISSING:
            lines.append(f"{name}: {row['reason']}")
        elif row["indicator"] == "open_interest_type":
            lines.append(f"{name} of {row['describes']}: {row['category']}, {row['value']:+.1%}")
        else:
            band = f"{row['lower']:.1%} … {row['upper']:.1%}"
            lines.append(f"{name} of {row['describes']}: {row['value']:.1%} ({band})")
    return lines


def replay_markdown(as_of: object, steps: list[dict[str, Any]]) -> str:
    """Write the replay as a page: the table of conclusions, and the changes per cut-off."""
    heads = ["cut-off", "state", "verdict", *(WORDS[name] for name in HYPOTHESES), "amplifier"]
    lines = [
        f"# {as_of}, as it became known",
        "",
        f"| {' | '.join(heads)} |",
        f"| {' | '.join('---' for _ in heads)} |",
    ]
    for step in steps:
        shares = [f"{step['posteriors'][name]:.2f}" for name in HYPOTHESES]
        named = f" {WORDS[step['named']]}" if step["named"] else ""
        cells = [
            _clock(step), step["state"], step["verdict"] + named, *shares,
            f"{step['amplifier']:.2f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    for step in steps:
        lines += ["", f"## {_clock(step)}", "", str(step["sentence"]), ""]
        for title, names in (
            ("Newly known", step["newly_known"]),
            ("Changed", step["changed"]),
            ("Vendors disagree, half weight", step["conflicted"]),
        ):
            if names:
                lines.append(f"- {title}: {', '.join(names)}")
        # Item names come from the data and are untrusted.
        lines += [f"- {escape_markdown(text)}" for text in step["futures"]]
    return "\n".join(lines) + "\n"


def _clock(step: dict[str, Any]) -> str:
    return f"{pd.Timestamp(step['cutoff']):%Y-%m-%d %H:%M}Z"
