"""What stands in deployments/ must load, be bounded, and follow New York."""

import importlib
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

FILE = ROOT / "deployments" / "prefect.yaml"


@pytest.fixture(scope="module")
def declared() -> dict[str, dict[str, Any]]:
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {deployment["name"]: deployment for deployment in content["deployments"]}


class TestPrefectFile:
    def test_each_entrypoint_is_a_module_and_loads(
        self, declared: dict[str, dict[str, Any]]
    ) -> None:
        for deployment in declared.values():
            module, _, flow = deployment["entrypoint"].rpartition(".")
            assert getattr(importlib.import_module(module), flow).name == deployment["name"]

    def test_daily_runs_twenty_minutes_after_the_close_in_new_york(
        self, declared: dict[str, dict[str, Any]]
    ) -> None:
        (schedule,) = declared["daily"]["schedules"]
        assert schedule["cron"] == "20 16 * * 1-5"
        assert schedule["timezone"] == "America/New_York"

    def test_parameters_fit_their_flows(self, declared: dict[str, dict[str, Any]]) -> None:
        for deployment in declared.values():
            module, _, name = deployment["entrypoint"].rpartition(".")
            flow = getattr(importlib.import_module(module), name)
            flow.validate_parameters(deployment["parameters"])

    def test_one_run_at_a_time(self, declared: dict[str, dict[str, Any]]) -> None:
        for deployment in declared.values():
            assert deployment["concurrency_limit"]["limit"] == 1

    def test_every_form_field_is_described(self, declared: dict[str, dict[str, Any]]) -> None:
        from prefect.utilities.callables import parameter_schema

        for deployment in declared.values():
            module, _, name = deployment["entrypoint"].rpartition(".")
            schema = parameter_schema(getattr(importlib.import_module(module), name))
            fields = dict(schema.properties)
            for definition in schema.definitions.values():
                fields |= definition["properties"]
            silent = [
                name
                for name, content in fields.items()
                if "description" not in content and "$ref" not in content
            ]
            assert silent == []
