"""A long run without a terminal: a line at most every ten seconds, and one at the end."""

import pytest

from flows import progress


class TestLog:
    def test_prints_few_lines(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = iter([0.0, 0.0, *(4.0 * step for step in range(1, 7))])
        monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
        with progress.progress_of(6, unit="sessions") as advance:
            for _ in range(6):
                advance(1)
        assert capsys.readouterr().err.splitlines() == [
            "3 of 6 sessions, 12 s", "6 of 6 sessions, 24 s",
        ]  # fmt: skip
