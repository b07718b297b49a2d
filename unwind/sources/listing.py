"""What every provider gives: for `unwind sources` and for docs/sources.md."""

from unwind.contract.inputs import INPUT_TABLES
from unwind.contract.source import Provision
from unwind.sources import cftc, crypto, yahoo

FILES = (
    Provision(
        table="every table",
        content="what lies in the drop folder: " + ", ".join(INPUT_TABLES),
        lag="as each row's known_at says, else by the lag rules of [known_at]",
        limits="one Parquet or CSV file a table",
    ),
)
SIMULATED = (
    Provision(
        table="every table",
        content="a market with known truth, labelled SIMULATED DATA wherever it shows",
        lag="as the lag rules of [known_at]",
        limits="never combined with another source, never a stand-in for one",
    ),
)
PROVIDERS = {
    "files": FILES,
    yahoo.LABEL: yahoo.PROVISIONS,
    crypto.LABEL: crypto.PROVISIONS,
    cftc.LABEL: cftc.PROVISIONS,
    "simulated": SIMULATED,
}


def listing() -> list[dict[str, str]]:
    """Every provision for a machine."""
    return [
        {
            "source": source,
            "table": provision.table,
            "content": provision.content,
            "lag": provision.lag,
            "limits": provision.limits,
        }
        for source, provisions in PROVIDERS.items()
        for provision in provisions
    ]


def listing_text() -> str:
    """Every provision for a person."""
    return "".join(
        f"{row['source']}: {row['table']}\n"
        f"  gives   {row['content']}\n  lag     {row['lag']}\n  limits  {row['limits']}\n"
        for row in listing()
    )


def listing_markdown() -> str:
    """Every provision as the table of docs/sources.md."""
    rows = "".join("| " + " | ".join(row.values()) + " |\n" for row in listing())
    return f"| source | table | gives | lag | limits |\n|---|---|---|---|---|\n{rows}"
