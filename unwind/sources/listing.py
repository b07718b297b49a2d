"""List of the providers, for `unwind sources` and for docs/sources.md."""

from unwind.sources.registry import PROVIDERS, SIMULATED, SIMULATED_PROVISIONS


def listing() -> list[dict[str, str]]:
    """Every provision for a machine."""
    given = {name: provider.provisions for name, provider in PROVIDERS.items()}
    return [
        {
            "source": source,
            "table": provision.table,
            "content": provision.content,
            "lag": provision.lag,
            "limits": provision.limits,
        }
        for source, provisions in (given | {SIMULATED: SIMULATED_PROVISIONS}).items()
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
