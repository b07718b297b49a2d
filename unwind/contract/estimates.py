"""Estimates: volatility, tails, breaks, states, the cross-section."""

from unwind.contract.columns import COUNT, DATE, FLAG, REAL, TEXT, Column, declare

VOLATILITY = declare(
    "volatility",
    "asset × model",
    ("asset", "model"),
    Column("asset", TEXT, "symbol", "the series", nullable=False),
    Column("model", TEXT, "", "garch-t, or ewma where the fit failed", nullable=False),
    Column("sigma", REAL, "decimal, one session", "σ of the session, forecast from rows up to t−1"),
    Column("sigma_next", REAL, "decimal, one session", "σ forecast for the next session"),
    Column("sigma_5", REAL, "decimal, one session", "σ forecast for the session t+5"),
    Column("sigma_21", REAL, "decimal, one session", "σ forecast for the session t+21"),
    Column("sigma_annual", REAL, "decimal, 252 sessions", "sigma_next × √252"),
    Column(
        "sigma_month",
        REAL,
        "decimal, 252 sessions",
        "√(252 × mean variance forecast for t+1 … t+21): what implied volatility is held against",
    ),
    Column("residual", REAL, "σ", "(return − μ)/sigma: the standardised surprise of the session"),
    Column("mu", REAL, "decimal", "mean of the log return"),
    Column("omega", REAL, "decimal²", "variance intercept"),
    Column("alpha", REAL, "1", "weight of the last squared shock"),
    Column("beta", REAL, "1", "weight of the last variance"),
    Column("nu", REAL, "degrees of freedom", "Student-t shape"),
    Column("half_life", REAL, "sessions", "ln ½ / ln(α+β)"),
    Column("log_likelihood", REAL, "nat", "of the returns in percent"),
    Column("n", COUNT, "sessions", "returns used", nullable=False),
    Column("estimated_to", DATE, "session", "last session that the parameters have seen"),
    Column("converged", FLAG, "", "the optimiser reported success inside the boundary"),
    Column("reason", TEXT, "", "why a value is null, or which fallback is used"),
)

TAIL_RISK = declare(
    "tail_risk",
    "asset × level",
    ("asset", "level"),
    Column("asset", TEXT, "symbol", "the series", nullable=False),
    Column(
        "level", REAL, "probability", "of a loss beyond the VaR: 0.05 is VaR at 95 %",
        nullable=False,
    ),
    Column("model", TEXT, "", "of σ: garch-t, or ewma where the fit failed", nullable=False),
    Column(
        "tail", TEXT, "", "of the residuals: gpd (peaks over threshold), or student where it fails"
    ),
    Column(
        "value_at_risk", REAL, "decimal, log return",
        "forecast for t+1, the session's surprise included, parameters up to t−1; a loss is "
        "positive",
    ),
    Column(
        "expected_shortfall", REAL, "decimal, log return",
        "mean loss beyond the VaR, forecast for t+1; a loss is positive",
    ),
    Column(
        "value_at_risk_today", REAL, "decimal, log return",
        "forecast for the session itself, from rows up to t−1; a loss is positive",
    ),
    Column("breach", FLAG, "", "the session's loss went beyond value_at_risk_today"),
    Column(
        "sessions", COUNT, "sessions",
        "forecasts that are tested, the session's included: each from parameters and a tail "
        "estimated before its session",
        nullable=False,
    ),
    Column("breaches", COUNT, "sessions", "losses beyond the VaR among them"),
    Column("breaches_expected", REAL, "sessions", "level × sessions"),
    Column("coverage_p", REAL, "1", "Kupiec: breaches are as many as level says"),
    Column("conditional_p", REAL, "1", "Christoffersen: and do not cluster"),
    Column("shortfall_p", REAL, "1", "McNeil–Frey: losses beyond the VaR are no larger than ES"),
    Column("reason", TEXT, "", "why a value is null, or which fallback is used"),
)  # fmt: skip

CHANGEPOINTS = declare(
    "changepoints",
    "one break of a watched series",
    ("pair", "method", "break_at"),
    Column(
        "pair",
        TEXT,
        "symbols",
        "what is watched: a pair, written A~B, one asset, or universe, the cross-section",
        nullable=False,
    ),
    Column(
        "method",
        TEXT,
        "",
        "search and cost (kernelcpd-linear: the whole window at once), or online detector and "
        "quantity: glr-cusum, bocpd (Shiryaev's statistic) or e-detector",
        nullable=False,
    ),
    Column(
        "break_at",
        DATE,
        "session",
        "first session of the new segment, as estimated at first_seen",
        nullable=False,
    ),
    Column(
        "first_seen",
        DATE,
        "session",
        "first session whose data showed the break: of the alarm, or of a weekly search",
    ),
    Column("delay", COUNT, "sessions", "from the break to the session that showed it"),
    Column("before", REAL, "1", "level of the quantity in the segment before"),
    Column("after", REAL, "1", "level in the segment after, up to this session"),
    Column("n_before", COUNT, "sessions", "rows of the segment before", nullable=False),
    Column("n_after", COUNT, "sessions", "rows of the segment after", nullable=False),
    Column(
        "quantity",
        TEXT,
        "",
        "correlation; mean: of returns over their σ to t−1; volatility: root mean square of these; "
        "dispersion: their variance across assets",
    ),
    Column(
        "confidence",
        REAL,
        "share",
        "online: share of calm stretches (1/false_alarms_per_year years) with a lower value; "
        "for the e-detector a proven lower bound",
    ),
    Column("false_alarms_per_year", REAL, "1/year", "online: target rate of this detector"),
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
        "connectedness_net (to others less from others), sleeve (a long-short return behind the "
        "driver crowding), "
        "sleeves_worst, sleeves_average, sleeves_losing, degrossing (1: all sleeves lose), "
        "rebound (average of the sleeves on the session after), covar_loss (value at risk of the "
        "first of `item` when the second is at its own; a loss is positive), delta_covar_loss "
        "(that less the same at the second's median), or published_zscore; until schema 2 covar "
        "and covar_delta, the same as returns, in which a loss is negative",
        nullable=False,
    ),
    Column(
        "item",
        TEXT,
        "",
        "what it is of: universe, sleeves, one sleeve (a factor, or a spread A-B), one asset, one "
        "asset given another (A|B), or the group that a publisher names",
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

REGIME_MODELS = declare(
    "regime_models",
    "model × item",
    ("model", "item"),
    Column(
        "model",
        TEXT,
        "",
        "markov_switching: two states with own mean and volatility, Hamilton's filter; jump_model: "
        "two centres of log volatility (and the pair's correlation) with a price on each change, "
        "online recursion",
        nullable=False,
    ),
    Column(
        "item",
        TEXT,
        "",
        "the base's log return; risk_assets: mean of the other risk assets' returns over their "
        "EWMA σ of earlier rows; base~risk_assets: both, with their correlation",
        nullable=False,
    ),
    Column("unit", TEXT, "", "unit of means and volatilities; of a pair: the base's"),
    Column("state", TEXT, "", "calm or stressed (the state of higher volatility), by rows up to t"),
    Column(
        "probability",
        REAL,
        "share",
        "markov_switching: filtered probability of the stressed state; a jump model has none",
    ),
    Column(
        "margin",
        REAL,
        "penalties",
        "jump_model: least cost of a path that ends calm less that of one that ends stressed",
    ),
    Column("calm_mean", REAL, "see unit", "mean return of the calm state"),
    Column("stressed_mean", REAL, "see unit", "mean return of the stressed state"),
    Column("calm_volatility", REAL, "see unit", "standard deviation in the calm state"),
    Column("stressed_volatility", REAL, "see unit", "standard deviation in the stressed state"),
    Column("calm_correlation", REAL, "1", "of the pair, in the calm state"),
    Column("stressed_correlation", REAL, "1", "of the pair, in the stressed state"),
    Column(
        "calm_duration",
        REAL,
        "sessions",
        "expected length of a spell, 1/(1 − p_ii); jump_model: mean length of those found",
    ),
    Column("stressed_duration", REAL, "sessions", "the same of the stressed state"),
    Column("nu", REAL, "degrees of freedom", "Student-t shape; markov_switching only"),
    Column(
        "objective", REAL, "nat or loss", "log-likelihood; jump_model: least loss, to be minimised"
    ),
    Column("n", COUNT, "sessions", "complete rows estimated on", nullable=False),
    Column("starts", COUNT, "starts", "searches for the optimum"),
    Column("agreeing", COUNT, "starts", "searches that ended at it"),
    Column("estimated_to", DATE, "session", "last session that the parameters have seen"),
    Column("converged", FLAG, "", "the optimum was reached and both states hold rows enough"),
    Column("reason", TEXT, "", "why the state is null"),
)
