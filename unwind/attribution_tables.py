"""Which mechanism fits: the ledger of evidence, and the finding."""

from unwind.columns import COUNT, DATE, FLAG, REAL, TEXT, Column, declare

EVIDENCE = declare(
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
        "worst_since", DATE, "session", "the last session with a lower return; null: lowest on file"
    ),
    Column("reason", TEXT, "", "why a value is null"),
)

VOLATILITY = declare(
    "volatility",
    "asset × model",
    ("asset", "model"),
    Column("asset", TEXT, "symbol", "the series", nullable=False),
    Column("model", TEXT, "", "garch-t, or ewma where the fit failed", nullable=False),
    Column("sigma", REAL, "decimal, one session", "σ of the session, forecast from rows up to t−1"),
    Column("sigma_next", REAL, "decimal, one session", "σ forecast for the next session"),
    Column("sigma_annual", REAL, "decimal, 252 sessions", "sigma_next × √252"),
    Column("residual", REAL, "σ", "(return − μ)/sigma: the standardised surprise of the session"),
    Column("mu", REAL, "decimal", "mean of the log return"),
    Column("omega", REAL, "decimal²", "variance intercept"),
    Column("alpha", REAL, "1", "weight of the last squared surprise"),
    Column("beta", REAL, "1", "weight of the last variance"),
    Column("nu", REAL, "degrees of freedom", "Student-t shape"),
    Column("half_life", REAL, "sessions", "ln ½ / ln(α+β)"),
    Column("log_likelihood", REAL, "nat", "of the returns in percent"),
    Column("n", COUNT, "sessions", "returns used", nullable=False),
    Column("estimated_to", DATE, "session", "last session that the parameters have seen"),
    Column("converged", FLAG, "", "the optimiser reported success inside the boundary"),
    Column("reason", TEXT, "", "why a value is null or which fallback stands here"),
)

CHANGEPOINTS = declare(
    "changepoints",
    "one break of a pair's correlation",
    ("pair", "method", "break_at"),
    Column("pair", TEXT, "symbols", "written A~B", nullable=False),
    Column("method", TEXT, "", "search and cost", nullable=False),
    Column("break_at", DATE, "session", "first session of the new segment", nullable=False),
    Column(
        "first_seen", DATE, "session", "first session whose data showed the break within tolerance"
    ),
    Column("delay", COUNT, "sessions", "from the break to the session that showed it"),
    Column("before", REAL, "1", "correlation in the segment before"),
    Column("after", REAL, "1", "correlation in the segment after, up to this session"),
    Column("n_before", COUNT, "sessions", "rows of the segment before", nullable=False),
    Column("n_after", COUNT, "sessions", "rows of the segment after", nullable=False),
)

SYSTEMIC = declare(
    "systemic",
    "one measure of the cross-section",
    ("measure", "item", "publisher"),
    Column(
        "measure",
        TEXT,
        "",
        "turbulence, turbulence_magnitude (the same without correlations), correlation_surprise "
        "(their ratio), absorption_ratio, absorption_shift, eigenvalue_ratio (λ₁ over the edge of "
        "noise λ₊), eigenvalue_share (of the variance, above λ₊), connectedness_total, "
        "connectedness_net (to others less from others), sleeve (a long-short return), "
        "sleeves_worst, sleeves_average, sleeves_losing, degrossing (1: all sleeves lose), "
        "rebound (average of the sleeves on the session after), or published_zscore",
        nullable=False,
    ),
    Column(
        "item",
        TEXT,
        "",
        "what it is of: universe, sleeves, one sleeve (a pair is written A~B), one asset, or the "
        "group that a publisher names",
        nullable=False,
    ),
    Column(
        "publisher",
        TEXT,
        "",
        "who computed the figure: unwind, or whoever published it",
        nullable=False,
    ),
    Column("window", COUNT, "sessions", "rows of the estimate; null where not this program's"),
    Column("value", REAL, "see unit", "the measure, the session included"),
    Column("unit", TEXT, "", "unit of value", nullable=False),
    Column("z", REAL, "standard deviations", "value against its own earlier values, ended at t−1"),
    Column(
        "percentile",
        REAL,
        "share",
        "share of its own earlier values at or below the value; absorption and connectedness are "
        "ranked among values of as many assets",
    ),
    Column("n", COUNT, "assets or sleeves", "how many it rests on"),
    Column(
        "describes",
        DATE,
        "session",
        "the session that the value describes: an earlier one where it was published later",
        nullable=False,
    ),
    Column("detail", TEXT, "", "what else is needed to read it"),
    Column("reason", TEXT, "", "why the value is null"),
)

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

EVIDENCE = declare(
    "evidence",
    "hypothesis × indicator",
    ("hypothesis", "indicator"),
    Column(
        "hypothesis",
        TEXT,
        "",
        "multi_strategy, crypto_native, yen_carry, fundamental_outflow, or dealer_feedback, which "
        "is an amplifier and scored apart",
        nullable=False,
    ),
    Column("indicator", TEXT, "", "what was read; [attribution] in the settings", nullable=False),
    Column("block", TEXT, "", "correlated indicators that share a vote", nullable=False),
    Column("expected", TEXT, "", "level or class that the hypothesis expects", nullable=False),
    Column("value", REAL, "the indicator's", "as read: z, share, probability or side"),
    Column("category", TEXT, "", "the class as read, where the indicator is one"),
    Column("reading", REAL, "ordinary σ", "value less centre, over scale; null: says nothing"),
    Column("ratio", REAL, "nat", "ln of its density under the hypothesis over ordinary volatility"),
    Column("weight", REAL, "1", "of the indicator, before quality and caps", nullable=False),
    Column("contribution", REAL, "nat", "what it adds to the log-odds of the hypothesis"),
    Column("describes", DATE, "session", "the session that the value describes", nullable=False),
    Column(
        "quality", TEXT, "", "good, proxy, partial, conflicted, stale or missing", nullable=False
    ),
    Column("reason", TEXT, "", "why it says nothing"),
)

ATTRIBUTION = declare(
    "attribution",
    "one hypothesis of the session",
    ("hypothesis",),
    Column("hypothesis", TEXT, "", "ordinary, or as in evidence", nullable=False),
    Column("prior", REAL, "probability", "before any reading", nullable=False),
    Column("log_odds", REAL, "nat", "against ordinary volatility; prior and contributions"),
    Column(
        "posterior",
        REAL,
        "probability",
        "over the hypotheses without the amplifier, adding to one; of the amplifier: against its "
        "absence",
        nullable=False,
    ),
    Column("rank", COUNT, "", "by posterior; null for the amplifier"),
    Column(
        "verdict",
        TEXT,
        "",
        "NAMED, ORDINARY, MIXED, AMBIGUOUS or ABSTAIN: one a session",
        nullable=False,
    ),
    Column("named", TEXT, "", "the hypothesis that is named, ordinary among them; null: none"),
    Column("margin", REAL, "probability", "posterior of the first less that of the second"),
    Column("blocks_observed", COUNT, "blocks", "with at least one reading", nullable=False),
    Column("blocks_missing", TEXT, "", "blocks that say nothing"),
    Column("amplifier", REAL, "probability", "of dealer and short-volatility feedback"),
    Column("sentence", TEXT, "", "the finding in words", nullable=False),
    Column("reason", TEXT, "", "why it is that verdict", nullable=False),
)
