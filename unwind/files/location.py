"""Location of a lake: a local folder, or a published copy behind an fsspec URL.

    LAKE                the working lake, a local folder (unwind.lake.publish writes it)
    s3://bucket/lake    a published copy (unwind.lake.push): read, never worked on

A copy holds each Parquet file once, under its checksum: `files/<sha256>.parquet`; the manifest of a
snapshot says which of them it is made of. Credentials and endpoints come from the environment or
fsspec's own configuration, never from here.
"""

import errno
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from unwind.errors import UserError


class LakeError(UserError, RuntimeError):
    """A fault of the lake; the message names what is missing or damaged, and the remedy."""


class Damaged(LakeError):
    """Published content differs from what was written."""


def is_url(lake: Path | str) -> bool:
    """Return True if a lake is a URL, so a published copy."""
    return "://" in str(lake)


def redact(text: object) -> str:
    """Return an address, or a message with addresses, without credentials before an @."""
    return re.sub(r"://[^/@\s]*@", "://…@", str(text))


def local(lake: Path | str, *, purpose: str) -> Path:
    """Return the folder of a working lake.

    Raises
    ------
    LakeError
        It is a URL: a copy is read and pushed to, not worked on.
    """
    if is_url(lake):
        raise LakeError(
            f"{purpose} needs a working lake, got {redact(lake)}; fetch it first: "
            f"`unwind lake pull {redact(lake)} FOLDER`"
        )
    return Path(lake)


def existing(lake: Path | str, *, purpose: str) -> Path:
    """Return the folder of a working lake that is there.

    Raises
    ------
    LakeError
        It is a URL, or not a folder: a misspelt name must not read as an empty lake.
    """
    folder = local(lake, purpose=purpose)
    if not folder.is_dir():
        raise LakeError(f"lake {lake} does not exist; run `unwind run --lake {lake}` first")
    return folder


def open_location(lake: Path | str) -> tuple[Any, str]:
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
    # Unlike an object store, file:// does not create the folders of a path.
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
            f"{lake} is not a location that fsspec knows; write e.g. s3://bucket/lake"
        ) from error
    return storage, root.rstrip("/")


def require_inside(lake: Path | str, relative: str) -> Path:
    """Return the path of a file of a lake, which no symbolic link may lead out of it.

    The lake's own folder may be a link, and links inside the lake may point inside it. Whoever can
    write into the lake while it is read can still exchange a folder after this check.

    Raises
    ------
    Damaged
        A folder on the way, or the file, is a link that leads elsewhere.
    """
    path = Path(lake, relative)
    root = os.path.realpath(lake)
    try:
        inside = Path(os.path.realpath(path)).is_relative_to(root)
    except ValueError:  # a null character, which no file system takes
        inside = False
    if not inside:
        raise Damaged(
            f"{relative} of {lake} is a symbolic link that leads out of the lake; remove the link "
            "and restore the file or folder from a copy"
        )
    return path


def _require_plain_file(path: Path) -> None:
    """Refuse a pipe or a device, which a reading would wait for without end."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # the read reports the reason
    if not stat.S_ISREG(mode):
        raise Damaged(f"{path} is not a plain file; restore it from a copy")


def content(storage: Any, root: str, relative: str, *, max_bytes: int | None = None) -> bytes:
    """Read a whole file of a lake or copy.

    Parameters
    ----------
    storage : AbstractFileSystem
    root, relative : str
        The lake on that file system, and the file's path in it.
    max_bytes : int, optional
        No more than this is read, and a larger file is refused.

    Raises
    ------
    FileNotFoundError
        There is none.
    Damaged
        It is larger than `max_bytes`, not a plain file, or a symbolic link out of the lake.
    LakeError
        It may not be read, or the store cannot be reached.
    """
    path = f"{root}/{relative}"
    if isinstance(storage, LocalFileSystem):
        _require_plain_file(require_inside(root, relative))
    bounds = {} if max_bytes is None else {"start": 0, "end": max_bytes + 1}
    try:
        data: bytes = storage.cat_file(path, **bounds)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(path) from error
    except PermissionError as error:
        raise LakeError(
            f"{path} may not be read: permission denied; give this user the right to read it"
        ) from error
    # Clients of object stores raise faults of their own libraries, of no common class.
    except Exception as error:
        # S3 has no range of an empty object.
        if bounds and isinstance(error, OSError) and error.errno == errno.EINVAL:
            return b""
        raise LakeError(
            f"{path} cannot be read: {redact(error)}; check the disk, or the network and the "
            "credentials"
        ) from error
    if max_bytes is not None and len(data) > max_bytes:
        raise Damaged(f"{path} is larger than {max_bytes} bytes; restore it from a copy")
    return data


def names(storage: Any, path: str) -> list[str]:
    """Names inside a folder, sorted; none where it does not exist."""
    try:
        storage.invalidate_cache()
        entries = storage.ls(path, detail=False)
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise LakeError(
            f"{path} may not be listed: permission denied; give this user the right to read it"
        ) from error
    except Exception as error:
        raise LakeError(
            f"{path} cannot be listed: {redact(error)}; check the disk, or the network and the "
            "credentials"
        ) from error
    return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in entries)


def sha256(data: bytes) -> str:
    """Return the checksum under which manifests and copies know a file."""
    return hashlib.sha256(data).hexdigest()
