"""Where a lake lies: a local folder, or a published copy behind an fsspec URL.

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


def existing(lake: Path | str, *, purpose: str) -> Path:
    """Return the folder of a working lake that is there.

    Raises
    ------
    LakeError
        It is a URL, or no folder: a misspelt one holds nothing, and that is not an answer.
    """
    folder = local(lake, purpose=purpose)
    if not folder.is_dir():
        raise LakeError(f"lake {lake} does not exist; run `unwind run --lake {lake}` first")
    return folder


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
        return  # the reading itself says why
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
        It is larger than `max_bytes`, no plain file, or a symbolic link leads out of the lake.
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
            f"{path} cannot be read: {shown(error)}; check the disk, or the network and the "
            "credentials"
        ) from error
    if max_bytes is not None and len(data) > max_bytes:
        raise Damaged(f"{path} is larger than {max_bytes} bytes; restore it from a copy")
    return data


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
