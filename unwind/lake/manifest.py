"""The manifest of a snapshot: its contract and its checksum.

A manifest may come from a copy that somebody else writes. Its names become paths, so they are
checked against the contract before anything is read or written:

    <table>/<YYYY-MM>.parquet     the only names of files
    sha256, rows, bytes           64 hexadecimal digits, whole numbers of at least 0

A table that this release does not declare is accepted if its name is well formed. Tables are
added without a new schema version (docs/schema-changes.md): a reader reads declared tables alone,
and a writer copies the others unchanged.
"""

import hashlib
import json
import re
import unicodedata
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from unwind.files.location import Damaged

MANIFEST = "_manifest.json"
NAME = re.compile(r"[0-9]{6,12}-[0-9a-f]{12}")

# Twenty years of monthly files of every table take 1 MB.
MAX_MANIFEST_BYTES = 16 * 2**20
MAX_TEXT = 200

_FILE = re.compile(r"[a-z][a-z0-9_]{0,62}/[0-9]{4}-(?:0[1-9]|1[0-2])\.parquet")
_CHECKSUM = r"^[0-9a-f]{64}$"
_BEFORE_SEALS = {
    "snapshot", "parent", "schema_version", "terms", "knowledge", "run", "files", "passed_over",
}  # fmt: skip
# Control, format (bidirectional, zero width), surrogate, line and paragraph separators.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def plain_text(text: str) -> str:
    """Return a text that is safe to print: one line, no control or direction characters.

    Raises
    ------
    ValueError
        It is empty, too long, or holds such a character.
    """
    if not text.strip() or len(text) > MAX_TEXT:
        raise ValueError(f"must hold 1 to {MAX_TEXT} characters, got {len(text.strip())}")
    if any(unicodedata.category(character) in _UNPRINTABLE for character in text):
        raise ValueError("must be one line without control or direction characters")
    return text


def _relative(name: str) -> str:
    if not _FILE.fullmatch(name):
        raise ValueError("is not TABLE/YYYY-MM.parquet")
    return name


def _instant(text: str) -> str:
    instant = datetime.fromisoformat(text)
    if not text.endswith("+00:00") or instant.isoformat() != text:
        raise ValueError("is not an instant as 2026-02-05T21:15:00+00:00")
    return text


def _session(text: str) -> str:
    if date.fromisoformat(text).isoformat() != text:
        raise ValueError("is not a date as 2026-02-05")
    return text


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("is not the name of a snapshot")
    return text


class _Part(BaseModel):
    # Fields of a later release are covered by the checksum and otherwise ignored.
    model_config = ConfigDict(strict=True, extra="ignore")


class _File(_Part):
    sha256: Annotated[str, Field(pattern=_CHECKSUM)]
    rows: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)] = 0
    schema_version: Annotated[int, Field(ge=1)] = 1


class _Terms(_Part):
    model_config = ConfigDict(strict=True, extra="forbid")
    source: Annotated[str, AfterValidator(plain_text)]
    settings_digest: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


class _Retraction(_Part):
    session: Annotated[str, AfterValidator(_session)]
    reason: Annotated[str, AfterValidator(plain_text)]


class _Manifest(_Part):
    snapshot: Annotated[str, AfterValidator(_name)]
    parent: Annotated[str, AfterValidator(_name)] | None
    schema_version: Annotated[int, Field(ge=1)]
    terms: _Terms
    knowledge: Annotated[str, AfterValidator(_instant)]
    latest_cutoff: Annotated[str, AfterValidator(_instant)] = "2000-01-01T00:00:00+00:00"
    run: str
    files: dict[Annotated[str, AfterValidator(_relative)], _File]
    passed_over: list[str] = []
    retracted: _Retraction | None = None
    sha256: Annotated[str, Field(pattern=_CHECKSUM)] = ""


def parsed(data: bytes, *, name: str) -> dict[str, Any]:
    """Read a manifest, and check it against the contract and its own checksum.

    Raises
    ------
    Damaged
        It is torn, altered, or violates the contract.
    """
    try:
        manifest = json.loads(data)
        _Manifest.model_validate(manifest)
        intact = manifest["snapshot"] == name and _sealed(manifest)
    except ValidationError as error:
        raise Damaged(
            f"the manifest of snapshot {name} is outside its contract: {_first(error)}; restore it "
            "from a copy"
        ) from error
    except (ValueError, RecursionError) as error:
        raise Damaged(
            f"the manifest of snapshot {name} is not JSON that can be read; restore it from a copy"
        ) from error
    if not intact:
        raise Damaged(
            f"the manifest of snapshot {name} differs from its own checksum; restore it from a copy"
        )
    return dict(manifest)


def _first(error: ValidationError) -> str:
    """First fault; quoted values come from others, so they are cut and in ASCII."""
    fault = error.errors(include_url=False, include_context=False)[0]
    where = ascii(".".join(str(part) for part in fault["loc"]))[1:-1][:80] or "it"
    value = fault["input"]
    got = type(value).__name__ if isinstance(value, dict | list) else ascii(value)[:60]
    return f"{where}: {fault['msg'][:80]}, got {got}"


def seal(manifest: dict[str, Any]) -> str:
    """Checksum of a manifest, over all fields except the checksum."""
    content = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def content_digest(files: dict[str, Any], terms: dict[str, str]) -> str:
    """Return the content hash in a snapshot's name."""
    contents = {
        relative: {"sha256": entry["sha256"], "rows": entry["rows"]}
        for relative, entry in files.items()
    }
    return hashlib.sha256(json.dumps([contents, terms]).encode()).hexdigest()[:12]


def _sealed(manifest: dict[str, Any]) -> bool:
    if "sha256" in manifest:
        return bool(manifest["sha256"] == seal(manifest))
    if not set(manifest) <= _BEFORE_SEALS:
        return False
    # Before manifests had a checksum, the name covered the files.
    digest = content_digest(manifest["files"], manifest["terms"])
    return str(manifest["snapshot"]).endswith(digest)
