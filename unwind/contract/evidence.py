"""Measurements: correlations and shocks."""

from unwind.contract.columns import COUNT, DATE, FLAG, REAL, TEXT, Column, declare

CORRELATIONS = declare(
    "correlations",
    "base × asset × method × window",
    ("base", "asset", "method", "window"),
    Column("base", TEXT, "symbol", "the asset that all others are held against", nullable=False),
    Column("asset", TEXT, "symbol", "the counterpart", nullable=False),
    Column(
        "method",
        TEXT,
        "",
        "pearson: equal weights; ewma: exponential weights; dcc: forecast for t+1 of a DCC of the "
        "pair's GARCH residuals, parameters up to t−1",
        nullable=False,
    ),
    Column(
        "window",
        COUNT,
        "sessions",
        "rows in the window; for ewma the half-life; for dcc the rows estimated on, at most",
        nullable=False,
    ),
    Column("value", REAL, "1", "correlation of log returns, the session included"),
    Column("lower", REAL, "1", "lower end of the Fisher interval; too narrow under fat tails"),
    Column("upper", REAL, "1", "upper end of the Fisher interval; too narrow under fat tails"),
    Column(
        "robust_lower", REAL, "1", "interval valid under fat tails and dependence; pearson only"
    ),
    Column(
        "robust_upper", REAL, "1", "interval valid under fat tails and dependence; pearson only"
    ),
    Column("n", COUNT, "sessions", "complete pairs used (ewma: effective number)", nullable=False),
    Column("change", REAL, "1", "value less that of the session before"),
    Column("percentile", REAL, "share", "share of the earlier history at or below the value"),
    Column("reason", TEXT, "", "why the value is null or which fallback is used"),
)

CORRELATION_TESTS = declare(
    "correlation_tests",
    "one test of one pair",
    ("base", "asset", "test", "against", "window"),
    Column("base", TEXT, "symbol", "the asset that all others are held against", nullable=False),
    Column("asset", TEXT, "symbol", "the counterpart", nullable=False),
    Column(
        "test",
        TEXT,
        "",
        "constancy: Wied–Krämer–Dehling; asymmetry: Hong–Tu–Zhou; downside: exceedance correlation "
        "against the elliptical null; difference: base–asset against base–against",
        nullable=False,
    ),
    Column("against", TEXT, "symbol", "the other counterpart, for difference; else empty"),
    Column("window", COUNT, "sessions", "trailing rows tested", nullable=False),
    Column("n", COUNT, "sessions", "complete rows of standardised returns used", nullable=False),
    Column("statistic", REAL, "1", "the test's statistic; downside: value less expectation"),
    Column("p_value", REAL, "1", "two-sided; by resampling, for difference by Student-t"),
    Column("family_p_value", REAL, "1", "Holm-adjusted over all rows of the session"),
    Column(
        "first", REAL, "1", "correlation before the break; of joint falls; with asset (difference)"
    ),
    Column(
        "second",
        REAL,
        "1",
        "after the break; of joint rises (asymmetry); expected (downside); with `against`",
    ),
    Column(
        "break_at", DATE, "session", "constancy: first row of the later regime, if there is one"
    ),
    Column("reason", TEXT, "", "why the test abstained"),
)

PAIR_EVIDENCE = declare(
    "pair_evidence",
    "base × asset: what a careful reader needs beside the correlation",
    ("base", "asset"),
    Column("base", TEXT, "symbol", "the asset that all others are held against", nullable=False),
    Column("asset", TEXT, "symbol", "the counterpart", nullable=False),
    Column("window", COUNT, "sessions", "recent rows, the session included", nullable=False),
    Column("value", REAL, "1", "Pearson correlation in the window"),
    Column("lower", REAL, "1", "lower end of the robust interval"),
    Column("upper", REAL, "1", "upper end of the robust interval"),
    Column("change", REAL, "1", "value less that of the session before"),
    Column("baseline", REAL, "1", "correlation in the rows before the window"),
    Column("baseline_window", COUNT, "sessions", "rows of the baseline", nullable=False),
    Column("adjusted_base", REAL, "1", "Forbes–Rigobon, the base as source of the shock"),
    Column("adjusted_asset", REAL, "1", "Forbes–Rigobon, the asset as source of the shock"),
    Column(
        "explained_base", REAL, "share", "of the rise over the baseline: by the base's volatility"
    ),
    Column("explained_asset", REAL, "share", "of the rise: by the asset's volatility"),
    Column("control", TEXT, "symbol", "return that is held fixed for `partial`"),
    Column("partial", REAL, "1", "correlation in the window given the control"),
    Column(
        "downside", REAL, "1", "correlation of joint falls below the mean, over the baseline's rows"
    ),
    Column("downside_normal", REAL, "1", "what a normal with the same correlation shows there"),
    Column("downside_n", COUNT, "sessions", "joint falls behind it", nullable=False),
    Column("sentence", TEXT, "", "the row in words", nullable=False),
)

SHOCKS = declare(
    "shocks",
    "series × measure",
    ("asset", "measure", "window"),
    Column("asset", TEXT, "symbol", "the series; a pair is written A~B", nullable=False),
    Column(
        "measure",
        TEXT,
        "",
        "return, volume_shares, volume_dollars or correlation_change",
        nullable=False,
    ),
    Column(
        "window",
        COUNT,
        "sessions",
        "earlier rows in the baseline, which ends at t−1",
        nullable=False,
    ),
    Column("value", REAL, "unit", "the measured value, in `unit`"),
    Column("unit", TEXT, "", "log return, shares, USD or correlation", nullable=False),
    Column("simple_return", REAL, "decimal", "P(t)/P(t−1) − 1; for returns only"),
    Column(
        "z", REAL, "robust σ", "(x − median)/(1.4826·MAD) against the baseline; ln x for volumes"
    ),
    Column("n", COUNT, "sessions", "rows in the baseline", nullable=False),
    Column("previous_record", REAL, "unit", "largest earlier value; for volumes only"),
    Column("previous_record_on", DATE, "session", "session of the previous record"),
    Column("record_multiple", REAL, "×", "value over the previous record"),
    Column("is_record", FLAG, "", "the value exceeds every earlier one"),
    Column(
        "worst_since",
        DATE,
        "session",
        "last session with a lower return; null: the lowest of all",
    ),
    Column("reason", TEXT, "", "why a value is null"),
)
