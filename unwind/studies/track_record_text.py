"""Track record and calibration as markdown: printed by the flows, kept in docs."""

from typing import Any

HEADINGS = (
    "| rule | thresholds from | caught within 2 | caught | median delay | false entries a year "
    "(95 %) | in calm periods | in other sell-offs |\n|---|---|---:|---:|---:|---:|---:|---:|"
)


def record_markdown(record: dict[str, Any]) -> str:
    """Write the record of an evaluation: the table, each episode, each false entry."""
    scored = "; ".join(
        f"{name} {record['scored_from'][name]} … {record['scored_to'][name]}"
        for name in record["folders"]
    )
    verdict = record["verdict"]
    rows = [
        _row("**unwind**", f"calibration {record['calibration']}", verdict["shipped"]),
        _row("**unwind**", "the other quarters", verdict["leave_one_out"]),
        _row("**unwind**", "the other years", verdict["leave_one_year_out"]),
    ]
    for name, told in record["rules"].items():
        rows += [
            _row(name, "the same years", told["in_sample"]),
            _row(name, "the other quarters", told["leave_one_out"]),
            _row(name, "the other years", told["leave_one_year_out"]),
        ]
    origin, judged = _judged(verdict)
    blocks = [
        f"Scored: {scored}. The simple rules may use {record['budget']:g} false entries a year; "
        "the "
        f'verdict is calibrated to {record["stated_false_entries_a_year"]:g}. "The other '
        'quarters": every calendar quarter is judged by scales and thresholds from the other '
        "quarters alone, so neither an episode nor a false entry is scored by a rule that has seen "
        'it; "the other years" leaves out whole years.',
        "\n".join((HEADINGS, *rows)),
        *(
            f"Not judged by the other {folds}: {verdict[scheme]['reason']}."
            for scheme, folds in (("leave_one_out", "quarters"), ("leave_one_year_out", "years"))
            if "reason" in verdict[scheme]
        ),
        f"### Episode by episode, {origin}",
        "\n".join(_episodes(judged)),
        f"### False entries, {origin}",
        _days(judged),
    ]
    if record["stated_rates"]:
        blocks += ["### Had another rate been stated", _stated(record["stated_rates"])]
    if "null" in record:
        blocks += ["### Where nothing happens", _null(record["null"])]
    return "\n\n".join(blocks) + "\n"


def record_sentence(record: dict[str, Any]) -> str:
    """Say the record of an evaluation in one sentence."""
    origin, told = _judged(record["verdict"])
    return (
        f"{told['caught_within_2']} of {told['episodes']} episodes caught within 2 sessions, "
        f"{told['false_entries_a_year']:.2f} false entries a year, {origin}"
    )


def _judged(verdict: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Pick the most severe record there is, and say which it is."""
    if "reason" in verdict["leave_one_out"]:
        return "with the calibration in force", verdict["shipped"]
    return "each quarter unseen", verdict["leave_one_out"]


def _stated(rates: list[dict[str, Any]]) -> str:
    lines = [
        "Calibrated on all years, so a little flattering:",
        "",
        "| stated, at most | threshold | caught within 2 | caught | false entries a year | "
        "in calm periods |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {told['stated']:g} | {told['threshold']:.2f} | {told['caught_within_2']} of "
        f"{told['episodes']} | {told['caught']} | {told['false_entries_a_year']:.2f} | "
        f"{len(told['calm_entries'])} |"
        for told in rates
    ]
    return "\n".join(lines)


def _null(markets: list[dict[str, Any]]) -> str:
    lines = [
        "| correlation of two classes | shocks (Student-t) | years | entries | a year (95 %) | "
        "stated, at most |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {market['correlation']:g} | "
        f"{'all at once' if market['joint_shocks'] else 'each its own'}, {market['freedom']:g} "
        f"degrees of freedom | {market['years']} | {market['entries']} | "
        f"{market['entries_a_year']:.2f} ({market['interval'][0]:.2f}–{market['interval'][1]:.2f}) "
        f"| {market['stated']:g} |"
        for market in markets
    ]
    return "\n".join(lines)


def _row(name: str, origin: str, told: dict[str, Any]) -> str:
    if "reason" in told:
        return f"| {name} | {origin} | not judged | – | – | – | – | – |"
    delay = "–" if told["median_delay"] is None else f"{told['median_delay']:g}"
    lower, upper = told["false_entries_interval"]
    return (
        f"| {name} | {origin} | {told['caught_within_2']} of {told['episodes']} | "
        f"{told['caught']} | {delay} | {told['false_entries_a_year']:.2f} "
        f"({lower:.2f}–{upper:.2f}) | {len(told['calm_entries'])} | "
        f"{len(told['other_selloff_entries'])} |"
    )


def _episodes(told: dict[str, Any]) -> list[str]:
    lines = ["| episode | | acute start | entry | delay |", "|---|---|---|---|---:|"]
    return lines + [
        f"| {row['episode']} | {row['title']} | {row['acute_start']} | "
        f"{row['entry'] or 'missed'} | {'' if row['delay'] is None else row['delay']} |"
        for row in told["by_episode"]
    ]


def _days(told: dict[str, Any]) -> str:
    if not told["false_entry_days"]:
        return "None."
    marks = dict.fromkeys(told["calm_entries"], " (calm period)")
    marks |= dict.fromkeys(told["other_selloff_entries"], " (other sell-off)")
    return ", ".join(f"{day}{marks.get(day, '')}" for day in told["false_entry_days"]) + "."


def calibration_markdown(held: dict[str, Any]) -> str:
    """Write the report of a calibration: thresholds, scales, and what scores have meant."""
    blocks = [
        f"# Calibration {held['version']}",
        f"From {held['sessions']:,} ordinary sessions of {held['data']}; sessions near a dated "
        "episode are left out, and no threshold is fitted to one.",
        "| threshold | score | entries a year on resampled ordinary sessions |\n|---|---:|---:|\n"
        f"| DELEVERAGING | {held['deleveraging']:.2f} | {held['deleveraging_rate']:.2f} "
        f"(95 % of paths {held['deleveraging_rate_lower']:.2f}–"
        f"{held['deleveraging_rate_upper']:.2f}) |\n"
        f"| WATCH | {held['watch']:.2f} | {held['watch_rate']:.2f} |\n"
        f"| release | {held['release']:.2f} | |",
        "## Scales",
        "| driver | 75 % | 90 % | 95 % | mean excess beyond |\n|---|---:|---:|---:|---:|\n"
        + "\n".join(
            f"| {name} | "
            + " | ".join(f"{knot:.2f}" for knot in scale["knots"])
            + f" | {scale['mean_excess']:.2f} |"
            for name, scale in held["scales"].items()
        ),
        "## What a score has meant",
        "| score from | sessions | inside an episode | share (95 %) |\n|---:|---:|---:|---:|\n"
        + "\n".join(
            f"| {band['lower_score']:.2f} | {band['sessions']:,} | {band['inside']} | "
            f"{band['share']:.1%} ({band['lower']:.1%}–{band['upper']:.1%}) |"
            for band in held["bands"]
        ),
    ]
    return "\n\n".join(blocks) + "\n"
