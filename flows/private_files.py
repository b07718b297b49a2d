"""Files that hold one secret: the login of the Prefect server, the key that encrypts its blocks.

    python -m flows.private_files login FILE    make a login once; print it
    python -m flows.private_files key FILE      print the encryption key

Both print for a variable of deployments/serve.sh and deploy.sh, never for a terminal.
"""

import base64
import os
import secrets
import stat
import sys
from pathlib import Path

USER = "desk"


class PrivateFileError(ValueError):
    """A file of a secret cannot be trusted; the message gives the remedy."""


def read_private(path: Path) -> str:
    """Read the one line of a file that its owner alone may read.

    Raises
    ------
    PrivateFileError
        Others may read or write it, it belongs to somebody else, or it does not hold one line.
    """
    # A link may point into a folder of somebody else.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, encoding="utf-8") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise PrivateFileError(f"{path} is not a plain file; name a file")
        if status.st_uid not in (os.geteuid(), 0):
            raise PrivateFileError(f"{path} belongs to another user; make one of your own")
        if status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise PrivateFileError(
                f"{path} may be read or written by others (mode {mode:04o}); "
                f"make a new secret, then chmod 600 {path}"
            )
        lines = file.read(4096).splitlines()
    if len(lines) != 1 or not lines[0].strip():
        raise PrivateFileError(f"{path} must hold one line; found {len(lines)}")
    return lines[0].strip()


def is_login(content: str) -> bool:
    """Return True for `user:password` with a password too long to guess."""
    user, _, password = content.partition(":")
    return bool(user) and len(password) >= 16


def login(path: Path) -> str:
    """Return the login in a file, `user:password`; create it if there is none."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{USER}:{secrets.token_urlsafe(32)}\n")
        draft.replace(path)
    content = read_private(path)
    if not is_login(content):
        raise PrivateFileError(
            f"{path} must hold user:password with 16 characters or more after the colon; "
            "remove it, and a new one is made"
        )
    return content


def encryption_key(path: Path) -> str:
    """Return the key in a file: 32 bytes in URL-safe base64, as Prefect's encryption takes it."""
    content = read_private(path)
    try:
        size = len(base64.b64decode(content, altchars=b"-_", validate=True))
    except ValueError:  # not in the alphabet, or wrongly padded
        size = 0
    if size != 32:
        raise PrivateFileError(
            f"{path} must hold 32 bytes in URL-safe base64; "
            "make it with: openssl rand -base64 32 | tr '+/' '-_'"
        )
    return content


def main(arguments: list[str]) -> int:
    """Print a secret; a fault is one sentence and exit status 2."""
    readers = {"login": login, "key": encryption_key}
    if len(arguments) != 2 or arguments[0] not in readers:
        sys.stderr.write("usage: python -m flows.private_files login|key FILE\n")
        return 2
    try:
        content = readers[arguments[0]](Path(arguments[1]))
    except (PrivateFileError, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"unwind: {error}\n")
        return 2
    sys.stdout.write(content + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
