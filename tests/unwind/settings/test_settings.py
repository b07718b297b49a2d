import copy
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.verdict import DRIVERS
from unwind.settings import (
    DEFAULT_PATH,
    Settings,
    SettingsError,
    load_settings,
    origins,
    parse_settings,
)


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


class TestDeskOverlay:
    """A desk's file holds the lines that differ; everything else is the default."""

    def overlaid(self, folder: Path, text: str) -> Settings:
        (folder / "desk.toml").write_text(text, encoding="utf-8")
        return load_settings(folder / "desk.toml")

    def test_two_lines_are_enough(self, tmp_path: Path) -> None:
        desk = self.overlaid(tmp_path, "[shocks]\nwindow = 90\n")
        expected = _raw()
        expected["shocks"]["window"] = 90
        assert desk == parse_settings(expected, origin="desk.toml")

    def test_an_empty_file_and_a_full_copy_are_the_default(self, tmp_path: Path) -> None:
        copy = DEFAULT_PATH.read_text(encoding="utf-8")
        digests = {self.overlaid(tmp_path, text).digest for text in ("", copy)}
        assert digests == {load_settings().digest}

    def test_a_lag_rule_is_replaced_whole(self, tmp_path: Path) -> None:
        desk = self.overlaid(tmp_path, "[known_at.etf_flows]\nsessions = 2\n")
        assert desk.known_at["etf_flows"].sessions == 2
        assert desk.known_at["etf_flows"].days is None
        assert desk.known_at["prices"] == load_settings().known_at["prices"]

    def test_false_removes_an_entry(self, tmp_path: Path) -> None:
        desk = self.overlaid(tmp_path, '[clock.hourly]\n"ETH-USD" = false\n')
        assert desk.clock.hourly == {"BTC-USD": "BTCUSDT"}

    def test_each_value_names_its_file(self, tmp_path: Path) -> None:
        self.overlaid(tmp_path, "[shocks]\nwindow = 90\n")
        listed = {origin.key: origin for origin in origins(tmp_path / "desk.toml")}
        assert (listed["shocks.window"].value, listed["shocks.window"].file) == (90, "desk.toml")
        assert listed["universe.base"].file == "default.toml"
        assert {origin.file for origin in origins()} == {"default.toml"}


class TestRefusal:
    @pytest.mark.parametrize(
        ("section", "key", "value", "message"),
        [
            (None, "colour", 1, "unknown key colour; known keys here: attribution, calibr"),
            ("verdict", "watch", 2, "unknown key verdict.watch; known keys here: calibration, cla"),
            ("correlation", "windows", [2], "correlation.windows.0 = 2"),
            ("verdict", "fewest_classes", 99, "must not exceed the 16 classes, got 99"),
            ("verdict", "min_observations", 91, "must not exceed window 90, got 91"),
            ("calibration", "watch_entries", 0.5, "must exceed deleveraging_entries 0.65, got 0.5"),
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


def _desk_with(folder: Path, calibration: str | bytes | None) -> Path:
    """A copied desk with a calibration of its own beside it."""
    folder.mkdir(exist_ok=True)
    desk = folder / "desk.toml"
    text = DEFAULT_PATH.read_text(encoding="utf-8")
    desk.write_text(text.replace('"calibration.json"', '"own.json"'), encoding="utf-8")
    if calibration is not None:
        held = calibration.encode() if isinstance(calibration, str) else calibration
        (folder / "own.json").write_bytes(held)
    return desk


def _shipped() -> dict[str, Any]:
    held: dict[str, Any] = json.loads(
        DEFAULT_PATH.with_name("calibration.json").read_text(encoding="utf-8")
    )
    return held


def _with_scale(driver: str, knots: list[float], mean_excess: float) -> dict[str, Any]:
    scale = {"knots": knots, "mean_excess": mean_excess, "shape": 0.0}
    return {"scales": _shipped()["scales"] | {driver: scale}}


class TestCalibration:
    def test_ships_with_the_default_desk(self) -> None:
        held = load_settings().calibrated
        assert held.release < held.watch < held.deleveraging
        assert held.deleveraging_rate <= load_settings().calibration.deleveraging_entries
        assert held.watch_rate <= load_settings().calibration.watch_entries
        assert set(type(held.scales).model_fields) == set(DRIVERS)

    def test_a_copied_desk_keeps_the_one_it_was_copied_with(self, tmp_path: Path) -> None:
        copied = tmp_path / "desk.toml"
        copied.write_text(DEFAULT_PATH.read_text(encoding="utf-8"), encoding="utf-8")
        assert load_settings(copied).digest == load_settings().digest

    def test_one_beside_the_desk_comes_first_and_changes_the_digest(self, tmp_path: Path) -> None:
        own = _shipped() | {"deleveraging": 2.6}
        desk = load_settings(_desk_with(tmp_path, json.dumps(own)))
        assert desk.calibrated.deleveraging == 2.6
        assert desk.digest != load_settings().digest

    def test_a_path_counts_from_the_settings_file(self, tmp_path: Path) -> None:
        (tmp_path / "held").mkdir()
        (tmp_path / "held" / "own.json").write_text(json.dumps(_shipped()), encoding="utf-8")
        desk = tmp_path / "desk.toml"
        text = DEFAULT_PATH.read_text(encoding="utf-8")
        desk.write_text(text.replace('"calibration.json"', '"held/own.json"'), encoding="utf-8")
        assert load_settings(desk).calibrated == load_settings().calibrated

    @pytest.mark.parametrize(
        ("held", "said"),
        [
            (None, "own.json does not exist; run `unwind study calibrate` or correct"),
            ("{", "own.json is not valid JSON"),
            (b"\xff\xfe{}", "own.json is not valid JSON"),
            ("[1]", "own.json is not a JSON object; calibrate again"),
            ("{}", "missing key calibrated.version; calibrate again"),
        ],
    )
    def test_one_that_cannot_be_read_is_one_sentence(
        self, held: str | bytes | None, said: str, tmp_path: Path
    ) -> None:
        with pytest.raises(SettingsError) as caught:
            load_settings(_desk_with(tmp_path, held))
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"watch": 9.0}, "thresholds must rise"),
            ({"mood": 1}, "unknown key calibrated.mood; known keys here: bands, calibrated_to"),
            ({"watch": float("nan")}, "calibrated.watch = nan: Input should be a finite number"),
            ({"scales": {}}, "missing key calibrated.scales.breadth; calibrate again"),
            (
                _with_scale("mood", [1, 2, 3], 1),
                "unknown key calibrated.scales.mood; known keys here: breadth, concentration",
            ),
            (
                _with_scale("breadth", [1], 1),
                "missing key calibrated.scales.breadth.knots.1; calibrate again",
            ),
            (
                _with_scale("breadth", [3, 2, 1], 1),
                "knots must not be negative and not fall, got [3.0, 2.0, 1.0]; calibrate again",
            ),
            (
                _with_scale("breadth", [1, 2, 3], 0),
                "calibrated.scales.breadth.mean_excess = 0",
            ),
        ],
    )  # fmt: skip
    def test_one_that_cannot_be_meant_is_refused(
        self, change: dict[str, Any], said: str, tmp_path: Path
    ) -> None:
        with pytest.raises(SettingsError) as caught:
            load_settings(_desk_with(tmp_path, json.dumps(_shipped() | change)))
        assert said in str(caught.value)

    def test_a_section_that_is_none_is_a_sentence(self) -> None:
        with pytest.raises(SettingsError, match="verdict"):
            parse_settings(_raw() | {"verdict": 3}, origin="desk.toml")


Place = tuple[str | int, ...]


def _numbers(document: Any, place: Place = ()) -> Iterator[Place]:
    """Positions of all numbers of a document."""
    if isinstance(document, dict | list):
        pairs = document.items() if isinstance(document, dict) else enumerate(document)
        for key, value in pairs:
            yield from _numbers(value, (*place, key))
    elif isinstance(document, int | float) and not isinstance(document, bool):
        yield place


def _with(document: dict[str, Any], place: Place, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    section: Any = changed
    for key in place[:-1]:
        section = section[key]
    section[place[-1]] = value
    return changed


WHOLE = load_settings().model_dump(mode="json")
ABSURD = (
    float("nan"), float("inf"), float("-inf"), 1e300, -1e300, 1e13, -1e13, 10**30, -(10**30),
    16**6000,
)  # fmt: skip


class TestAbsurdNumber:
    """NaN compares false with every bound, so that a check written with < passes it."""

    def test_every_number_of_the_settings_is_walked(self) -> None:
        places = {".".join(map(str, place)) for place in _numbers(WHOLE)}
        assert len(places) > 380
        assert {
            "attribution.locations.0", "attribution.priors.yen_carry", "tail_risk.levels.0",
            "attribution.indicators.base_fall.centre", "calibrated.scales.breadth.knots.1",
            "calibrated.bands.0.lower_score", "sources.agreement.prices.close", "calibrated.watch",
        } <= places  # fmt: skip

    @pytest.mark.parametrize("section", list(Settings.model_fields))
    def test_is_refused_with_its_key(self, section: str) -> None:
        for place in _numbers({section: WHOLE[section]}):
            for value in ABSURD:
                with pytest.raises(SettingsError) as caught:
                    parse_settings(_with(WHOLE, place, value), origin="desk.toml")
                said = str(caught.value)
                assert said.startswith(f"desk.toml: {'.'.join(map(str, place))} = "), said
                assert "\n" not in said
                assert len(said) < 300

    def test_every_number_has_two_bounds(self) -> None:
        """Keys which the default desk leaves out, too."""
        schema = Settings.model_json_schema()
        unbounded = []

        def walk(part: Any, name: str) -> None:
            if isinstance(part, list):
                for one in part:
                    walk(one, name)
            if not isinstance(part, dict):
                return
            if part.get("type") in ("integer", "number"):
                bounds = part.keys() & {
                    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"
                }  # fmt: skip
                if len(bounds) != 2:
                    unbounded.append(name)
            for key, one in part.items():
                walk(one, f"{name}.{key}")

        walk(schema, "settings")
        assert unbounded == []

    @pytest.mark.parametrize("written", ["nan", "inf", "-inf", "0x" + "F" * 6000, "9" * 5000])
    def test_of_a_toml_file_is_one_sentence(self, written: str, tmp_path: Path) -> None:
        desk = tmp_path / "desk.toml"
        text = DEFAULT_PATH.read_text(encoding="utf-8")
        desk.write_text(
            text.replace("\ntail_cap = ", f"\ntail_cap = {written} # "), encoding="utf-8"
        )
        with pytest.raises(SettingsError, match="tail_cap|is not valid TOML") as caught:
            load_settings(desk)
        assert len(str(caught.value)) < 300

    @pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
    def test_of_a_calibration_is_one_sentence(self, written: str, tmp_path: Path) -> None:
        text = json.dumps(_shipped()).replace('"watch": ', f'"watch": {written}, "_": ', 1)
        with pytest.raises(SettingsError, match="watch|is not valid JSON"):
            load_settings(_desk_with(tmp_path, text))
