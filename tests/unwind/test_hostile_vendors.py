"""Vendors that mean harm: bombs, drips, headers and documents of no known shape."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.unwind.hostile_vendors import GIBIBYTE, bombs
from tests.unwind.loopback import Asked, Reply, loopback


@pytest.fixture(scope="module")
def replies() -> dict[str, Reply]:
    return bombs()


class TestBomb:
    """A small body that unpacks to gigabytes is cut off while it arrives."""

    @pytest.mark.parametrize(
        ("provider", "said"),
        [
            (
                "yahoo",
                {
                    "gzip": "over 64 MB", "gzip of gzip": "over 64 MB", "zstd": "over 64 MB",
                    "values": "over 2,000,000 values", "wide records": "records with 300001 names",
                    "wide chain": "records with 300001 names",
                },
            ),
            (
                "crypto",
                {
                    "gzip": "over 64 MB", "gzip of gzip": "content encoding gzip, gzip",
                    "zstd": "content encoding zstd", "values": "over 2,000,000 values",
                    "wide records": "rows without a time", "wide chain": "dict where a list",
                },
            ),
            (
                "cftc",
                {
                    "gzip": "over 64 MB", "gzip of gzip": "content encoding gzip, gzip",
                    "zstd": "content encoding zstd", "values": "over 2,000,000 values",
                    "wide records": "records with 300001 names",
                    "wide chain": "records with 300001 names",
                },
            ),
        ],
    )  # fmt: skip
    def test_takes_less_than_a_gibibyte(
        self, provider: str, said: dict[str, str], replies: dict[str, Reply]
    ) -> None:
        names = list(replies)

        def answer(asked: Asked) -> Reply:
            _, place, *path = asked.path.split("/")
            if provider == "yahoo" and path[1:2] != ["finance"]:
                return Reply("crumb", headers={"Content-Type": "text/plain"})
            if "getcrumb" in asked.path:
                return Reply("crumb", headers={"Content-Type": "text/plain"})
            return replies[names[int(place)]]

        command = [sys.executable, "-m", "tests.unwind.hostile_vendors", provider]
        with loopback(answer) as server:
            done = subprocess.run(
                [*command, server.url, *names],
                cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        report = json.loads(done.stdout)
        assert report["peak"] < GIBIBYTE, report
        for name in names:
            assert said[name] in report["said"][name], report["said"][name]
