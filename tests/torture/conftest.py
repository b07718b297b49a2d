"""Short by default, at length under `--torture`; what was counted is printed at the end."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

FIGURES = pytest.StashKey[list[str]]()
SHORT, LONG = 5, 64
FUZZED_SHORT, FUZZED_LONG = 8, 300


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []
    # Taken by name, so that no other folder's tests change with it.
    settings.register_profile(
        "torture",
        max_examples=FUZZED_LONG if config.getoption("--torture") else FUZZED_SHORT,
        deadline=None,
        derandomize=not config.getoption("--torture"),
        database=None,
        phases=[Phase.generate],  # a failure is told as it was found: shrinking has no bound
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="session")
def at_length(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--torture"))


@pytest.fixture(scope="session")
def rounds(at_length: bool) -> int:
    return LONG if at_length else SHORT


@pytest.fixture(scope="session")
def tell(request: pytest.FixtureRequest) -> Callable[..., None]:
    def add(what: str, **counted: object) -> None:
        listed = ", ".join(f"{name} {value}" for name, value in counted.items())
        request.config.stash[FIGURES].append(f"{what}: {listed}")

    return add


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # under xdist each worker counts for itself
        session.config.workeroutput["figures"] = session.config.stash[FIGURES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[FIGURES] += getattr(node, "workeroutput", {}).get("figures", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = terminalreporter.config.stash.get(FIGURES, [])
    if lines and terminalreporter.config.getoption("--torture"):
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.line(line)
