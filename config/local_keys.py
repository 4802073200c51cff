"""Secrets of an installation that sets none: generated once, in files that only their owner can read.

Django needs SECRET_KEY while it reads the settings, so the first import of the settings writes these
files. It is the only import with a side effect. In production the secrets must come from the environment,
and nothing is written.
"""

import hashlib
import secrets
from contextlib import suppress
from pathlib import Path


def make_private(folder: Path) -> None:
    """Create the folder, or correct its mode, so that only its owner can read what it contains."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077 and not folder.stat().st_mode & 0o1000:
        folder.chmod(0o700)


def local_key(file: Path) -> str:
    """The key in this file, 64 lowercase hex digits; generated if the file does not exist."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Two processes that start at once must end up with the same key: each writes a file of its own, and
        # only the first hard link succeeds.
        temporary = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_hex(32), encoding="ascii")
        with suppress(FileExistsError):
            file.hardlink_to(temporary)
        temporary.unlink()
    return file.read_text(encoding="ascii")


def local_audit_key(file: Path) -> str:
    """The key in this file as `id:secret`.

    Derives the id from the secret, so that a regenerated key is not mistaken for the lost one.
    """
    secret = local_key(file)
    return f"local-{hashlib.sha256(secret.encode()).hexdigest()[:8]}:{secret}"
