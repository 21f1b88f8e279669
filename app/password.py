"""Passwords: hashing and checking with Argon2id. Knows no account."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from rules.password import LONGEST_PASSWORD

_hasher = PasswordHasher()  # the library's default, 64 MiB, is above what OWASP asks for


def hash_password(password: str) -> str:
    """The Argon2id hash to keep."""
    return _hasher.hash(password)


def is_password(password: str, kept_hash: str | None) -> bool:
    """Whether `password` belongs to `kept_hash`.

    Without a hash (nobody has that address) the same work is done, so that the answer takes as long.
    An overlong password is refused before any work.
    """
    if len(password) > LONGEST_PASSWORD:
        return False
    try:
        _hasher.verify(kept_hash or _nobodys_hash(), password)
    except (VerificationError, InvalidHashError):
        return False
    return kept_hash is not None


def needs_new_hash(kept_hash: str) -> bool:
    """Whether the hash was made with weaker settings than ours of today."""
    return _hasher.check_needs_rehash(kept_hash)


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("this is nobody's password")
