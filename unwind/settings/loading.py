"""Reading settings: a desk's file as an overlay of the default, faults as sentences."""

import json
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from unwind.errors import UserError, did_you_mean
from unwind.settings.model import Settings

DEFAULT_PATH = Path(__file__).with_name("default.toml")


class SettingsError(UserError, ValueError):
    """The settings file cannot be used; the message names the key, the value and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One value of the settings and the file that it comes from."""

    key: str
    value: Any
    file: str


def load_settings(path: str | Path | None = None) -> Settings:
    """Read the default settings, overlaid with a desk's file where one is named.

    A desk's file holds only what differs. Sections are merged key by key. In a table of free names
    (lag rules, asset classes, fund anchors …) each entry is replaced whole, and ``name = false``
    removes an entry.

    Raises
    ------
    SettingsError
        The file is missing, is not TOML, holds an unknown key or a value out of bounds. One
        sentence per fault, each with the key, the value and what is allowed.
    """
    if path is None:
        return parse_settings(_read(DEFAULT_PATH), origin=DEFAULT_PATH.name)
    path = Path(path)
    merged = overlay(_read(DEFAULT_PATH), _read(path))
    return parse_settings(merged, origin=path.name, folder=path.parent)


def origins(path: Path | None = None) -> tuple[Origin, ...]:
    """Every value of the merged settings, in the order of the file, with where it comes from.

    Raises
    ------
    SettingsError
        As `load_settings`.
    """
    own = {} if path is None else _leaves(_read(path))
    merged = load_settings(path).model_dump(mode="json", exclude={"calibrated"})
    return tuple(
        Origin(
            key=key,
            value=value,
            file=path.name if path is not None and _is_set(key, own) else DEFAULT_PATH.name,
        )
        for key, value in _leaves(merged).items()
    )


def overlay(
    default: dict[str, Any], own: dict[str, Any], model: type[BaseModel] = Settings
) -> dict[str, Any]:
    """Merge a desk's document into the default: sections by key, tables of free names by entry."""
    merged = dict(default)
    for name, value in own.items():
        section = _section(model, name)
        if not isinstance(value, dict) or not isinstance(default.get(name), dict):
            merged[name] = value
        elif section is not None:
            merged[name] = overlay(default[name], value, section)
        else:
            entries = {**default[name], **value}
            merged[name] = {key: entry for key, entry in entries.items() if entry is not False}
    return merged


def _section(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """Model of a section; None for a plain value and for a table of free names."""
    field = model.model_fields.get(name)
    kind = None if field is None else field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _leaves(document: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for name, value in document.items():
        key = f"{prefix}{name}"
        leaves |= _leaves(value, f"{key}.") if isinstance(value, dict) and value else {key: value}
    return leaves


def _is_set(key: str, own: dict[str, Any]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in own)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"settings file {path} does not exist; write a file with the lines that differ from "
            "the default (`unwind settings` prints it)"
        ) from error
    except OSError as error:
        raise SettingsError(f"settings file {path} cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise SettingsError(
            f"settings file {path} nests too deeply; write it as `unwind settings` prints it"
        ) from error
    # TOMLDecodeError, bytes outside UTF-8, and an integer of more digits than Python reads.
    except ValueError as error:
        raise SettingsError(f"settings file {path} is not valid TOML: {error}") from error


def _with_calibrated(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Read the calibration that the settings name into them, so that one digest covers both.

    A name without a folder that does not lie beside the settings file is looked for beside the
    default settings: a desk keeps the shipped calibration unless it names its own.
    """
    verdict = raw.get("verdict")
    named = verdict.get("calibration") if isinstance(verdict, dict) else None
    if not isinstance(named, str) or "calibrated" in raw:
        return raw
    path = folder / named
    if not path.exists() and Path(named).name == named:
        path = DEFAULT_PATH.parent / named
    return raw | {"calibrated": read_calibrated(path)}


def read_calibrated(path: Path) -> dict[str, Any]:
    """Read the artefact of a calibration.

    Raises
    ------
    SettingsError
        The file is missing or is not a JSON object.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"calibration {path} does not exist; run `unwind study calibrate` or correct "
            "verdict.calibration"
        ) from error
    except OSError as error:
        raise SettingsError(f"calibration {path} cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise SettingsError(f"calibration {path} nests too deeply; calibrate again") from error
    except ValueError as error:
        raise SettingsError(f"calibration {path} is not valid JSON: {error}") from error
    if not isinstance(held, dict):
        raise SettingsError(f"calibration {path} is not a JSON object; calibrate again")
    return held


def parse_settings(
    raw: dict[str, Any], *, origin: str, folder: Path = DEFAULT_PATH.parent
) -> Settings:
    """Build settings from a parsed document.

    `origin` names it in messages; the calibration it names is looked for in `folder`.
    """
    whole = _with_calibrated(raw, folder)
    try:
        return Settings.model_validate(whole)
    except ValidationError as error:
        faults = "; ".join(_sentence(fault) for fault in error.errors())
        raise SettingsError(f"{origin}: {faults}") from error


def _sentence(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"]) or "settings"
    whole = isinstance(fault["input"], dict)
    if fault["type"] == "extra_forbidden":
        known = _known_keys(fault["loc"][:-1])
        hint = did_you_mean(str(fault["loc"][-1]), known)
        return f"unknown key {where}{hint}; known keys here: {', '.join(known)}"
    if fault["type"] == "missing":
        if where.startswith("calibrated."):
            return f"missing key {where}; calibrate again"
        return f"missing key {where}; `unwind settings` shows it"
    told = str(fault["msg"]).removeprefix("Value error, ")
    # A rule that holds several keys together names them itself: its input is the whole section.
    return f"{where}: {told}" if whole else f"{where} = {_shown(fault['input'])}: {told}"


def _shown(value: object) -> str:
    """Show a value in a message, shortened; hexadecimal TOML integers may be too long to print."""
    try:
        return f"{value!r:.200}"
    except ValueError:
        return f"an integer of more than {sys.get_int_max_str_digits()} digits"


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys of the section at `location`, found by walking the model's fields."""
    model: type[BaseModel] = Settings
    for part in location:
        held = model.model_fields.get(str(part))
        if held is not None:
            # A dict of sections: the key that follows names none of their fields.
            kinds = (*get_args(held.annotation), held.annotation)
            model = next(kind for kind in kinds if isinstance(kind, type) and kind is not str)
    return sorted(model.model_fields)
