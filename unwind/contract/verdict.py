"""Conclusions of the session: mechanisms, verdict, data quality."""

import pyarrow as pa

from unwind.contract.columns import COUNT, DATE, REAL, TEXT, Column, declare

MECHANISMS = declare(
    "mechanisms",
    "one indicator of a mechanism behind a move",
    ("block", "indicator", "item"),
    Column(
        "block",
        TEXT,
        "",
        "flows, volume, futures, options, notes, hours, yen or crowding",
        nullable=False,
    ),
    Column("indicator", TEXT, "", "what is measured; docs/methods.md has each", nullable=False),
    Column(
        "item", TEXT, "", "whose: a fund, venue, tenor, index, note; else the base", nullable=False
    ),
    Column("value", REAL, "see unit", "the measured value"),
    Column("unit", TEXT, "", "unit of value, lower and upper", nullable=False),
    Column("category", TEXT, "", "a class in words (REBUILD, conflict, short …), where it has one"),
    Column("z", REAL, "robust σ", "value against its own earlier values, ended at t−1"),
    Column("lower", REAL, "see unit", "lower end of the band"),
    Column("upper", REAL, "see unit", "upper end of the band"),
    Column("n", COUNT, "observations", "how many the value or its baseline rests on"),
    Column(
        "describes",
        DATE,
        "session",
        "the session that the value describes: an earlier one where its input was published later",
        nullable=False,
    ),
    Column(
        "quality", TEXT, "", "good, proxy, partial, conflicted, stale or missing", nullable=False
    ),
    Column("detail", TEXT, "", "clock, spot source, convention: what else is needed to read it"),
    Column("reason", TEXT, "", "why the value is null"),
)

REGIMES = declare(
    "regimes",
    "one session",
    ("base",),
    Column("base", TEXT, "symbol", "the asset whose correlations are watched", nullable=False),
    Column(
        "state",
        TEXT,
        "",
        "CALM, WATCH, DELEVERAGING, DEGROSSING, RELEASE or UNKNOWN",
        nullable=False,
    ),
    Column(
        "previous_state",
        TEXT,
        "",
        "state of the previous session with a score",
        nullable=False,
    ),
    Column("sessions_in_state", COUNT, "sessions", "this one included", nullable=False),
    Column(
        "score",
        REAL,
        "−log₁₀ p",
        "evidence score: −log₁₀ of the drivers' harmonic-mean p-value; sum of their contributions",
    ),
    Column("score_lowest", REAL, "−log₁₀ p", "the score if each missing driver had evidence 0"),
    Column("score_highest", REAL, "−log₁₀ p", "the score if each missing driver were at its cap"),
    Column(
        "return_period",
        REAL,
        "sessions",
        "10^score: about 1 in this many ordinary sessions scores this high",
    ),
    Column(
        "episode_share",
        REAL,
        "share",
        "in-sample base rate of the score band: share of the calibration's own sessions in it that "
        "lay inside a labelled episode; not a probability of deleveraging; see base_rate_in_band",
    ),
    Column("episode_share_lower", REAL, "share", "2.5 % of its Jeffreys interval"),
    Column("episode_share_upper", REAL, "share", "97.5 % of its Jeffreys interval"),
    Column("watch_threshold", REAL, "−log₁₀ p", "score from which WATCH is entered"),
    Column("deleveraging_threshold", REAL, "−log₁₀ p", "score from which DELEVERAGING is entered"),
    Column(
        "release_threshold",
        REAL,
        "−log₁₀ p",
        "score below which the state returns to CALM, after consecutive sessions",
    ),
    Column(
        "false_alarms_per_year",
        REAL,
        "1/year",
        "target: false alarms per year of ordinary sessions, by the calibration's bootstrap",
    ),
    Column("calibration", TEXT, "", "version of the calibration"),
    Column(
        "calibration_sample",
        TEXT,
        "",
        "in sample: the calibration used this session; later data: it used later ones; else out of "
        "sample",
    ),
    Column(
        "cross_asset_score",
        REAL,
        "−log₁₀ p",
        "the score with crowding at evidence 0; DELEVERAGING needs watch_threshold of it, else "
        "the state is DEGROSSING: losses in long–short spreads alone",
    ),
    Column(
        "false_alarms_per_year_bound",
        REAL,
        "1/year",
        "the stated rate: upper 90 % bound of the long-run rate of false alarms, from blocks of "
        "years each judged by the other blocks",
    ),
    Column(
        "false_alarms_next_year_lower", REAL, "count", "lower end of an 80 % range for next year"
    ),
    Column(
        "false_alarms_next_year_upper", REAL, "count", "upper end of an 80 % range for next year"
    ),
    Column(
        "observed_return_period",
        REAL,
        "sessions",
        "ordinary sessions score this high once in, fitted to years left out of the calibration",
    ),
    Column("observed_return_period_lower", REAL, "sessions", "5 % over resampled years"),
    Column("observed_return_period_upper", REAL, "sessions", "95 % over resampled years"),
    Column(
        "base_rate_in_band",
        REAL,
        "share",
        "share of sessions in this score band that lay inside a labelled episode, each session "
        "judged by a calibration without its year",
    ),
    Column("base_rate_in_band_lower", REAL, "share", "2.5 % over resampled years"),
    Column("base_rate_in_band_upper", REAL, "share", "97.5 % over resampled years"),
    Column("headline", TEXT, "", "the verdict in one sentence", nullable=False),
    Column(
        "drivers",
        pa.list_(
            pa.struct(
                [
                    pa.field("driver", TEXT),
                    pa.field("contribution", REAL),
                    pa.field("value", REAL),
                    pa.field("evidence", REAL),
                    pa.field("meaning", TEXT),
                ]
            )
        ),
        "−log₁₀ p",
        "contributions that add up to the score, with value and evidence (−log₁₀ of the share of "
        "ordinary sessions that reach it); null: input missing",
        nullable=False,
    ),
)

QUALITY = declare(
    "quality",
    "one thing missing, late, conflicting, proxied or quarantined",
    ("table", "entity", "rule"),
    Column("table", TEXT, "", "input table", nullable=False),
    Column("entity", TEXT, "", "symbol, fund or file", nullable=False),
    Column("rule", TEXT, "", "the fault; the list is below", nullable=False),
    Column("severity", TEXT, "", "info, warning or error", nullable=False),
    Column("count", COUNT, "rows", "how many rows", nullable=False),
    Column("example", TEXT, "", "the first of them: file, session, value"),
    Column("remedy", TEXT, "", "what to do about it", nullable=False),
)
