"""Tables of the attribution: the ledger of evidence, and the finding."""

from unwind.contract.columns import COUNT, DATE, REAL, TEXT, Column, declare
from unwind.hypotheses import AMPLIFIER, MECHANISMS

EVIDENCE = declare(
    "evidence",
    "hypothesis × indicator",
    ("hypothesis", "indicator"),
    Column(
        "hypothesis",
        TEXT,
        "",
        f"{', '.join(MECHANISMS)}, or {AMPLIFIER}, which is an amplifier and scored apart",
        nullable=False,
    ),
    Column("indicator", TEXT, "", "what was read; [attribution] in the settings", nullable=False),
    Column("block", TEXT, "", "correlated indicators, capped together", nullable=False),
    Column("expected", TEXT, "", "level or class that the hypothesis expects", nullable=False),
    Column("value", REAL, "the indicator's", "as read: z, share, probability or side"),
    Column("category", TEXT, "", "the class as read, where the indicator is one"),
    Column("reading", REAL, "ordinary σ", "(value − centre) / scale; null: no data, or a class"),
    Column("ratio", REAL, "nat", "ln of its density under the hypothesis over ordinary volatility"),
    Column("weight", REAL, "1", "of the indicator, before quality and caps", nullable=False),
    Column("contribution", REAL, "nat", "what it adds to the log-odds of the hypothesis"),
    Column("describes", DATE, "session", "the session that the value describes", nullable=False),
    Column(
        "quality", TEXT, "", "good, proxy, partial, conflicted, stale or missing", nullable=False
    ),
    Column("reason", TEXT, "", "why the indicator is missing"),
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
        "NAMED, ORDINARY, MIXED, AMBIGUOUS or ABSTAIN: one per session",
        nullable=False,
    ),
    Column("named", TEXT, "", "the hypothesis that is named, ordinary among them; null: none"),
    Column("margin", REAL, "probability", "posterior of the first less that of the second"),
    Column("blocks_observed", COUNT, "blocks", "with at least one reading", nullable=False),
    Column("blocks_missing", TEXT, "", "blocks without data"),
    Column("amplifier", REAL, "probability", "of dealer and short-volatility feedback"),
    Column("sentence", TEXT, "", "the finding in words", nullable=False),
    Column("reason", TEXT, "", "why it is that verdict", nullable=False),
)
