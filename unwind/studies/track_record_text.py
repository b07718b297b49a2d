"""Track record as markdown, for the flows and docs."""

from typing import Any

from unwind.studies.track_record_tables import (
    band_table,
    block_table,
    episode_table,
    false_alarm_table,
    molchan_table,
    null_table,
    placebo_table,
    rate_row,
    reliability_table,
    resampled_text,
    search_text,
    target_table,
    variant_tables,
)

HEADINGS = (
    "| rule | thresholds from | detected within 2 | by folder | detected | median delay | "
    "false alarms per year (95 %) | sessions raised | entries per episode | in calm periods | "
    "in other sell-offs |\n|---|---|---:|---|---:|---:|---:|---:|---:|---:|---:|"
)
SCHEMES = {
    "shipped": "calibration {}, in sample",
    "leave_one_year_out": "the other years",
    "leave_one_block_out": "the other blocks of years",
    "walk_forward": "the years before",
}


def record_markdown(record: dict[str, Any]) -> str:
    """Write the record of an evaluation by section, without sections that were not computed."""
    verdict = record["verdict"]
    rows = [
        rate_row("**unwind**", name.format(record["calibration"]), verdict[scheme])
        for scheme, name in SCHEMES.items()
    ]
    for name, schemes in record["rules"].items():
        rows += [
            rate_row(name, "the same years, in sample", schemes["in_sample"]),
            rate_row(name, "the other years", schemes["leave_one_year_out"]),
        ]
    origin, judged = _judged(verdict)
    blocks = [
        _opening(record),
        "\n".join((HEADINGS, *rows)),
        *(
            f"Not judged by {SCHEMES[scheme]}: {verdict[scheme]['reason']}."
            for scheme in SCHEMES
            if "reason" in verdict[scheme]
        ),
        f"### Episode by episode, {origin}",
        episode_table(judged),
        f"### False alarms, {origin}",
        false_alarm_table(record, judged),
    ]
    for key, heading, write in (
        ("statement", "### Out-of-sample statement", _statement),
        ("stated_rates", "### Other target rates, judged by the other years", target_table),
        ("molchan", "### Misses against time raised", molchan_table),
        ("resampled", "### Years resampled", resampled_text),
        ("variants", "### Every driver and variant tried", variant_tables),
        ("placebos", "### Rules without skill", placebo_table),
        ("random_rules", "### Search over random rules", search_text),
        ("null", "### Simulated null markets", null_table),
    ):
        if record.get(key):
            blocks += [heading, write(record[key])]
    return "\n\n".join(blocks) + "\n"


def record_sentence(record: dict[str, Any]) -> str:
    """Summarise the record of an evaluation in one sentence."""
    origin, judged = _judged(record["verdict"])
    return (
        f"{judged['caught_within_2']} of {judged['episodes']} episodes detected within 2 sessions, "
        f"{judged['false_entries_a_year']:.2f} false alarms per year, {origin}"
    )


def _opening(record: dict[str, Any]) -> str:
    scored = "; ".join(
        f"{name} {record['scored_from'][name]} … {record['scored_to'][name]}"
        for name in record["folders"]
    )
    return (
        f"Scored: {scored}. The verdict is calibrated to a target of "
        f"{record['stated_false_entries_a_year']:g} false alarms per year; a benchmark rule may "
        "use "
        f'{record["budget"]:g}. "The other years": every calendar year is judged by scales and '
        'thresholds from the other years alone. "The other blocks": the same with blocks of '
        'consecutive years. "The years before": each year by earlier years alone, once there are '
        "four."
    )


def _judged(verdict: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the strictest available record and its name."""
    if "reason" in verdict["leave_one_year_out"]:
        return "in sample", verdict["shipped"]
    return "years left out", verdict["leave_one_year_out"]


def _statement(statement: dict[str, Any]) -> str:
    low, high = statement["next_year"]
    parts = [
        f"**Stated rate: at most {statement['upper']:.2f} false alarms per year** (upper 90 % "
        "bound of "
        f"the long-run rate, from blocks of years each judged by the other blocks; point estimate "
        f"{statement['rate']:.2f}, lower 90 % bound {statement['lower']:.2f}). Next year's number: "
        f"{low} to {high} with 80 %. The blocks vary {statement['dispersion']:.2f} times as much "
        "as a "
        "Poisson process (at least 1), and the bound allows for that.",
        block_table(statement["blocks"]),
        'Reliability: observed over stated frequency of a score of "1 in N" among ordinary '
        "sessions that were left out of their calibration, with a 90 % interval over resampled "
        "years. Above 1 such sessions came more often than stated.",
        reliability_table(statement["reliability"]),
        "Base rate: share of sessions in a score band that lay in a labelled episode, with years "
        "left out and a 95 % interval over resampled years. It is not a probability of "
        "deleveraging.",
        band_table(statement["bands"]),
        "Rarity: a score is reported with the return period of the last column, not with 10^score.",
        "| score | 10^score | ordinary sessions score this high once in (90 %) "
        "|\n|---:|---:|---:|\n"
        + "\n".join(
            f"| {row['score']:g} | {10 ** row['score']:,.0f} | {row['period']:,.0f} "
            f"({row['lower']:,.0f}–{row['upper']:,.0f}) |"
            for row in statement["rarity"]
            if row["score"] >= 1 and row["score"] % 0.5 == 0
        ),
    ]
    return "\n\n".join(parts)


def calibration_markdown(calibration: dict[str, Any]) -> str:
    """Write the report of a calibration: thresholds, scales and base rates."""
    blocks = [
        f"# Calibration {calibration['version']}",
        f"From {calibration['sessions']:,} ordinary sessions of {calibration['data']}; sessions "
        "near a labelled episode are excluded, and no threshold is fitted to one.",
        "| threshold | score | entries per year on resampled ordinary sessions |\n|---|---:|---:|\n"
        f"| DELEVERAGING | {calibration['deleveraging']:.2f} | "
        f"{calibration['deleveraging_rate']:.2f} (95 % of paths "
        f"{calibration['deleveraging_rate_lower']:.2f}–"
        f"{calibration['deleveraging_rate_upper']:.2f}) |\n"
        f"| WATCH | {calibration['watch']:.2f} | {calibration['watch_rate']:.2f} |\n"
        f"| release | {calibration['release']:.2f} | |",
        "## Scales",
        "| driver | 75 % | 90 % | 95 % | mean excess beyond | tail shape |\n"
        "|---|---:|---:|---:|---:|---:|\n"
        + "\n".join(
            f"| {name} | "
            + " | ".join(f"{knot:.2f}" for knot in scale["knots"])
            + f" | {scale['mean_excess']:.2f} | {scale['shape']:.2f} |"
            for name, scale in calibration["scales"].items()
        ),
        "## Share of sessions in an episode, in sample",
        band_table(calibration["bands"]),
        "## Statement",
        _stated(calibration["statement"]),
    ]
    return "\n\n".join(blocks) + "\n"


def _stated(statement: dict[str, Any] | None) -> str:
    if statement is None:
        return "None: the history is too short to leave years out. Lengthen it to state a rate."
    rate = statement["rate"]
    return (
        f"False alarms per year, from blocks of years left out: {rate['rate']:.2f}; upper 90 % "
        "bound "
        f"{rate['upper']:.2f}; next year's number {rate['next_year_lower']} to "
        f"{rate['next_year_upper']} with 80 %.\n\nShare of sessions in an episode, years left "
        "out:\n\n" + band_table(statement["bands"])
    )
