"""Where a lake lies: a local folder, or a published copy behind an fsspec URL.

    LAKE                the working lake, a local folder (unwind.lake.publish writes it)
    s3://bucket/lake    a published copy (unwind.lake.push): read, never worked on

A copy holds each Parquet file once, under its checksum: `files/<sha256>.parquet`; the manifest of a
snapshot says which of them it is made of. Credentials and endpoints come from the environment or
fsspec's own configuration, never from here.
"""

import hashlib
import re
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from unwind.errors import UserError


class LakeError(UserError, RuntimeError):
    """The lake cannot answer; the message says what is missing or broken and what to do."""


class Damaged(LakeError):
    """Something that was published is not as it was written."""


def is_url(lake: Path | str) -> bool:
    """Whether a lake is named by a URL, so a published copy."""
    return "://" in str(lake)


def shown(told: object) -> str:
    """Return an address, or a message that holds some, without the credentials before an @."""
    return re.sub(r"://[^/@\s]*@", "://…@", str(told))


def local(lake: Path | str, *, purpose: str) -> Path:
    """Return the folder of a working lake.

    Raises
    ------
    LakeError
        It is a URL: a copy is read and pushed to, not worked on.
    """
    if is_url(lake):
        raise LakeError(
            f"{purpose} needs a working lake, got {shown(lake)}; fetch it first: "
            f"`unwind lake pull {shown(lake)} FOLDER`"
        )
    return Path(lake)


def place(lake: Path | str) -> tuple[Any, str]:
    """Open the file system of a lake, and its root there.

    Returns
    -------
    AbstractFileSystem, str

    Raises
    ------
    LakeError
        The URL's protocol is unknown, its library is not installed, or it carries credentials.
    """
    if not is_url(lake):
        return LocalFileSystem(), str(lake)
    if "@" in str(lake).split("://", 1)[1].split("/", 1)[0]:
        raise LakeError(
            "credentials do not belong in a URL; give them through the environment "
            "(AWS_ACCESS_KEY_ID …) or fsspec's configuration"
        )
    # A folder behind file:// has no object store's habit of making the folders of a name.
    options = {"auto_mkdir": True} if str(lake).startswith("file:") else {}
    try:
        storage, root = url_to_fs(str(lake), **options)
    except ImportError as error:
        remedy = (
            "install it: pip install 'unwind[s3]'"
            if str(lake).startswith(("s3:", "s3a:"))
            else "install fsspec's library for it"
        )
        raise LakeError(f"the library that reads {lake} is missing; {remedy}") from error
    except ValueError as error:
        raise LakeError(
            f"{lake} is no place that fsspec knows; write e.g. s3://bucket/lake"
        ) from error
    return storage, root.rstrip("/")


def content(storage: Any, path: str) -> bytes:
    """Read a file whole.

    Raises
    ------
    FileNotFoundError
        There is none.
    LakeError
        It may not be read, or the store cannot be reached.
    """
    try:
        held: bytes = storage.cat_file(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(path) from error
    except PermissionError as error:
        raise LakeError(
            f"{path} may not be read: permission denied; give this user the right to read it"
        ) from error
    # Clients of object stores raise faults of their own libraries, of no common class.
    except Exception as error:
        raise LakeError(
            f"{path} cannot be read: {shown(error)}; check the disk, or the network and the "
            "credentials"
        ) from error
    return held


def names(storage: Any, path: str) -> list[str]:
    """Names inside a folder, sorted; none where it does not exist."""
    try:
        storage.invalidate_cache()
        found = storage.ls(path, detail=False)
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise LakeError(
            f"{path} may not be listed: permission denied; give this user the right to read it"
        ) from error
    except Exception as error:
        raise LakeError(
            f"{path} cannot be listed: {shown(error)}; check the disk, or the network and the "
            "credentials"
        ) from error
    return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in found)


def sha256(held: bytes) -> str:
    """Return the checksum under which manifests and copies know a file."""
    return hashlib.sha256(held).hexdigest()
