"""Tables of the track record as markdown."""

from collections import Counter
from typing import Any


def rate_row(name: str, origin: str, record: dict[str, Any]) -> str:
    """One row of the table of rules."""
    if "reason" in record:
        return f"| {name} | {origin} | not judged |" + " – |" * 8
    delay = "–" if record["median_delay"] is None else f"{record['median_delay']:g}"
    entries = record["entries_per_episode"]
    lower, upper = record["false_entries_interval"]
    return (
        f"| {name} | {origin} | {_detected(record)} | {_folders(record)} | {record['caught']} | "
        f"{delay} | "
        f"{record['false_entries_a_year']:.2f} ({lower:.2f}–{upper:.2f}) | "
        f"{record['raised_share'] or 0:.2%} | {'–' if entries is None else f'{entries:.2f}'} | "
        f"{len(record['calm_entries'])} | {len(record['other_selloff_entries'])} |"
    )


def _detected(record: dict[str, Any]) -> str:
    return f"{record['caught_within_2']} of {record['episodes']}"


def _folders(record: dict[str, Any]) -> str:
    """Detected of all, folder by folder in their order."""
    return ", ".join(f"{hits}/{n}" for hits, n in record["by_folder"].values())


def episode_table(judged: dict[str, Any]) -> str:
    """Entry, delay and margin of each episode."""
    lines = [
        "Margin: the largest score from one session before to two after the acute start, less the "
        "threshold.",
        "",
        "| episode | | cross-asset | acute start | entry | delay | margin |",
        "|---|---|---|---|---|---:|---:|",
    ]
    for row in judged["by_episode"]:
        missed = row["delay"] is None
        margin = "–" if row["margin"] is None else f"{row['margin']:+.2f}"
        lines.append(
            f"| {row['episode']} | {row['title']} | {'yes' if row['cross_asset'] else 'no'} | "
            f"{row['acute_start']} | {'missed' if missed else row['entry']} | "
            f"{'–' if missed else row['delay']} | {margin} |"
        )
    return "\n".join(lines)


def false_alarm_table(record: dict[str, Any], judged: dict[str, Any]) -> str:
    """False alarms one by one, with the drivers and the classes that fell."""
    if "false_alarms" not in record:
        return (
            ", ".join(judged["false_entry_days"]) + "." if judged["false_entry_days"] else "None."
        )
    if not record["false_alarms"]:
        return "None."
    lines = [
        "Evidence of the drivers that reach 1 (1 in 10 ordinary sessions), and the worst asset "
        "classes in σ of one session.",
        "",
        "| day | state | margin | drivers | what fell | |",
        "|---|---|---:|---|---|---|",
    ]
    for row in record["false_alarms"]:
        mark = "calm period" if row["calm"] else "other sell-off" if row["other"] else ""
        drivers = ", ".join(f"{name} {value:.1f}" for name, value in row["drivers"].items())
        fell = ", ".join(f"{name} {value:.1f}" for name, value in row["fell"].items())
        lines.append(
            f"| {row['day']} | {row['state']} | {row['margin']:+.2f} | {drivers} | {fell} | "
            f"{mark} |"
        )
    return "\n".join(lines)


def block_table(blocks: list[dict[str, Any]]) -> str:
    """False alarms by block of years."""
    lines = ["| block | false alarms | years | per year |", "|---|---:|---:|---:|"]
    lines += [
        f"| {row['block']} | {row['false_alarms']} | {row['years']:.1f} | "
        f"{row['false_alarms'] / row['years']:.2f} |"
        for row in blocks
    ]
    return "\n".join(lines)


def reliability_table(tables: dict[str, list[list[float]]]) -> str:
    """Observed over stated frequency, leave-one-year-out and leave-one-block-out."""
    lines = ["| 1 in N | years left out | blocks of years left out |", "|---:|---:|---:|"]
    for years, blocks in zip(tables["years"], tables["blocks"], strict=True):
        cells = [f"{ratio:.2f} ({low:.2f}–{high:.2f})" for _, ratio, low, high in (years, blocks)]
        lines.append(f"| {years[0]:,.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def band_table(bands: list[dict[str, Any]]) -> str:
    """Base rates by score band."""
    lines = [
        "| score from | sessions | in an episode | base rate (95 %) |",
        "|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {band['lower_score']:.2f} | {band['sessions']:,} | {band['inside']} | "
        f"{band['share']:.1%} ({band['lower']:.1%}–{band['upper']:.1%}) |"
        for band in bands
    ]
    return "\n".join(lines)


def target_table(rates: list[dict[str, Any]]) -> str:
    """Threshold curve: the record at other target rates."""
    lines = [
        "| target per year | threshold | detected within 2 | by folder | false alarms per year | "
        "sessions raised | in calm periods |",
        "|---:|---:|---:|---|---:|---:|---:|",
    ]
    lines += [
        f"| {record['stated']:g} | {record['threshold']:.2f} | {_detected(record)} | "
        f"{_folders(record)} | "
        f"{record['false_entries_a_year']:.2f} | {record['raised_share'] or 0:.2%} | "
        f"{len(record['calm_entries'])} |"
        for record in rates
    ]
    return "\n".join(lines)


def molchan_table(points: list[list[float]]) -> str:
    """Molchan curve with its band."""
    lines = [
        "Score less threshold, years left out; a session counts when it is raised in time. Band: "
        "5 % to 95 % of the same values shifted in time, which are independent of the episodes.",
        "",
        "| sessions raised | episodes missed | missed by chance |",
        "|---:|---:|---:|",
    ]
    lines += [
        f"| {raised:.1%} | {missed:.0%} | {low:.0%}–{high:.0%} |"
        for raised, missed, low, high in points
    ]
    return "\n".join(lines)


def resampled_text(resampling: dict[str, Any]) -> str:
    """Detections of calibrations on calendar years drawn with replacement."""
    draws, n = resampling["draws"], resampling["episodes"]
    counts = Counter(n - len(draw["missed"]) for draw in draws)
    lost = Counter(name for draw in draws for name in draw["missed"])
    thresholds = sorted(draw["threshold"] for draw in draws)
    rates = sorted(draw["false_a_year"] for draw in draws)
    return (
        f"Calendar years drawn with replacement, {len(draws)} times; each calibration judges every "
        f"session. Thresholds {thresholds[0]:.2f} to {thresholds[-1]:.2f}; false alarms per year "
        f"{rates[0]:.2f} to {rates[-1]:.2f}. Detected within two sessions: "
        + ", ".join(
            f"{hits} of {n} in {count} of {len(draws)}"
            for hits, count in sorted(counts.items(), reverse=True)
        )
        + ". Missed: "
        + ", ".join(f"{name} in {count}" for name, count in lost.most_common())
        + "."
    )


def variant_tables(rows: list[dict[str, Any]]) -> str:
    """Every variant, one row each."""
    lines = [
        f"{len(rows)} rows, each with its own calibration. The rule was fixed before they were "
        "computed, and none of them was selected.",
        "",
        "| | variant | detected within 2 | by folder | missed | false alarms per year | raised | "
        "calm | smallest margin | blocks left out: detected | blocks: false alarms per year |",
        "|---|---|---:|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        if "reason" in row:
            lines.append(
                f"| {row['group']} | {row['variant']} | not judged: {row['reason']} |" + " |" * 8
            )
            continue
        margin = "–" if row["smallest_margin"] is None else f"{row['smallest_margin']:+.2f}"
        blocks = (
            f"{row['blocks_caught']} | {row['blocks_false_a_year']:.2f}"
            if "blocks_caught" in row
            else "– | –"
        )
        lines.append(
            f"| {row['group']} | {row['variant']} | {_detected(row)} | {_folders(row)} | "
            f"{', '.join(row['missed'])} | {row['false_entries_a_year']:.2f} | "
            f"{row['raised_share'] or 0:.2%} | {row['calm']} | {margin} | {blocks} |"
        )
    return "\n".join(lines)


def placebo_table(rows: list[dict[str, Any]]) -> str:
    """Detections of alarms without skill."""
    lines = ["| rule | draws | mean detected | 95 % | most | |", "|---|---:|---:|---:|---:|---|"]
    lines += [
        f"| {row['placebo']} | {row['draws']} | {row['mean']:.2f} | {row['upper']:g} | "
        f"{row['most']} | "
        + (f"{row['false_entries_a_year']:.2f} false alarms per year" if len(row) > 5 else "")
        + " |"
        for row in rows
    ]
    return "\n".join(lines)


def search_text(search: dict[str, Any]) -> str:
    """Out-of-sample value of the best of many random rules."""
    return (
        f"{search['rules']:,} random rules, each at the lowest threshold with at most "
        f"{search['false_alarms']} false alarms in sample: the median detects "
        f"{search['median']:g}, the "
        f"best {search['best']}; {search['share_at_least_verdict']:.1%} detect at least the "
        "verdict's "
        f"{search['verdict']} (years left out). Combinatorially symmetric cross-validation "
        "(Bailey et "
        f"al. 2017, {search['splits']} splits): the rule that is best on one half detects "
        f"{search['best_on_choosing_half']:.1f} there and {search['best_on_other_half']:.1f} on "
        f"the other half; the verdict, which no half chose, {search['verdict_on_a_half']:.1f} on "
        "either. "
        "Probability of backtest overfitting, that the best of one half ranks below the median on "
        f"the other: {search['overfitting_probability']:.2f}. A search earns nothing here."
    )


def null_table(markets: list[dict[str, Any]]) -> str:
    """False alarms on simulated markets."""
    lines = [
        "Warned: share of entries with the warning of two-sided volatility (joint rises as rare as "
        "WATCH shortly before).",
        "",
        "| market | correlation of two classes | years | false alarms | per year (95 %) | target | "
        "warned |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for market in markets:
        lower, upper = market["interval"]
        lines.append(
            f"| {_market(market)} | {market.get('correlation', '–')} | {market['years']:g} | "
            f"{market['entries']} | {market['entries_a_year']:.2f} ({lower:.2f}–{upper:.2f}) | "
            f"{market['stated']:g} | {market['warned']:.0%} |"
        )
    return "\n".join(lines)


def _market(market: dict[str, Any]) -> str:
    if "scenario" in market:
        return f"`{market['scenario']}`, {market['seeds']} seeds, after its event"
    shocks = "common" if market["joint_shocks"] else "independent"
    clusters = ", volatility clusters" if market["clusters"] else ""
    return f"{shocks} t shocks, {market['freedom']:g} degrees of freedom{clusters}"
