import tomllib
from pathlib import Path
from typing import Any

import pytest

from unwind.settings import DEFAULT_PATH, SettingsError, load_settings, parse_settings


def _raw() -> dict[str, Any]:
    return tomllib.loads(DEFAULT_PATH.read_text(encoding="utf-8"))


class TestDefaultDesk:
    def test_holds_the_universe_of_the_mission(self) -> None:
        universe = load_settings().universe
        assert universe.base == "IBIT"
        assert set(universe.counterparts) == {
            "IGV", "GLD", "SPY", "QQQ", "SMH", "IWM", "HYG", "TLT", "SLV", "EEM", "USDJPY", "UUP",
            "ETHA", "MSTR", "COIN",
        }  # fmt: skip

    def test_is_frozen(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            load_settings().universe.base = "GLD"  # type: ignore[misc]

    def test_digest_moves_with_any_value_and_with_nothing_else(self) -> None:
        raw = _raw()
        same = parse_settings(dict(reversed(raw.items())), origin="a")
        raw["verdict"]["dwell"] = 3
        assert same.digest == load_settings().digest
        assert parse_settings(raw, origin="b").digest != same.digest
        assert len(same.digest) == 12


class TestRefusal:
    @pytest.mark.parametrize(
        ("section", "key", "value", "message"),
        [
            (None, "colour", 1, "unknown key colour; known keys here: calibrated, cali"),
            ("verdict", "watch", 2, "unknown key verdict.watch; known keys here: calibration, cla"),
            ("correlation", "windows", [2], "correlation.windows.0 = 2"),
            ("verdict", "fewest_classes", 99, "must not exceed the 16 classes, got 99"),
            ("verdict", "min_observations", 91, "must not exceed window 90, got 91"),
            ("calibration", "watch_entries", 0.5, "must exceed deleveraging_entries 0.85, got 0.5"),
            ("calibration", "colour", 1, "unknown key calibration.colour; known keys here: block"),
            ("universe", "counterparts", ["IGV", "IGV"], "stands twice"),
            ("universe", "base", "<script>", "universe.base = '<script>'"),
            ("universe", "base", "../etc", "universe.base = '../etc'"),
            ("universe", "change_pairs", [["IBIT", "DOGE"]], "which the universe does not hold"),
            ("publication", "zone", "Mars/Olympus", "Mars/Olympus"),
        ],
    )  # fmt: skip
    def test_names_key_value_and_remedy(
        self, section: str | None, key: str, value: object, message: str
    ) -> None:
        raw = _raw()
        (raw if section is None else raw[section])[key] = value
        with pytest.raises(SettingsError, match="desk.toml: ") as caught:
            parse_settings(raw, origin="desk.toml")
        assert message in str(caught.value)

    def test_a_lag_has_one_unit(self) -> None:
        raw = _raw()
        raw["known_at"]["prices"]["sessions"] = 1
        with pytest.raises(SettingsError, match="exactly one of days, sessions and minutes"):
            parse_settings(raw, origin="desk.toml")

    def test_an_unknown_key_of_a_lag_lists_the_known_ones(self) -> None:
        raw = _raw()
        raw["known_at"]["prices"]["hours"] = 1
        with pytest.raises(SettingsError, match="known keys here: days, minutes, sessions"):
            parse_settings(raw, origin="desk.toml")

    def test_an_unknown_key_of_an_anchor_lists_the_known_ones(self) -> None:
        raw = _raw()
        raw["flows"]["anchors"]["IBIT"]["shares"] = 1
        with pytest.raises(SettingsError, match="known keys here: assets_usd_m, session"):
            parse_settings(raw, origin="desk.toml")

    def test_a_missing_key_is_named(self) -> None:
        raw = _raw()
        del raw["verdict"]["dwell"]
        with pytest.raises(SettingsError, match="missing key verdict.dwell"):
            parse_settings(raw, origin="desk.toml")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="does not exist"):
            load_settings(tmp_path / "none.toml")

    def test_broken_toml_is_a_sentence(self, tmp_path: Path) -> None:
        path = tmp_path / "desk.toml"
        path.write_text("[universe", encoding="utf-8")
        with pytest.raises(SettingsError, match="is not valid TOML"):
            load_settings(path)
