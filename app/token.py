"""Who speaks to the API: the person behind a bearer token. Knows no session and no form."""

from __future__ import annotations

from dataclasses import replace

from flask import request

from app import database
from app.account import Account
from rules.errors import BusinessError
from rules.person import Role
from storage import api_token

#: Below this path programs speak, and changes need a token: a cookie alone could be sent by another site's page.
API_PATH = "/api/"


class TokenRefused(BusinessError):
    """The token is unknown, has run out or was revoked, or its person's account is locked."""

    status = 401


class TokenNeeded(BusinessError):
    """A change through the API needs a token."""

    status = 401


def is_api() -> bool:
    """Whether this request is for the API."""
    return request.path.startswith(API_PATH)


def bearer_account() -> Account | None:
    """The account behind this request's token, with the token's roles; None where it brings none.

    Raises:
        TokenRefused: it brings one that opens nothing.
    """
    header = request.headers.get("Authorization", "")
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    found = api_token.find(database.session(), token.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        raise TokenRefused("This token opens nothing: it is unknown, has run out, or was revoked.")
    row, person = found
    api_token.note_use(database.session(), row.id)
    database.commit()
    account = Account.of(person)
    roles = account.person.roles & frozenset(Role(role) for role in row.roles)
    return replace(account, person=replace(account.person, roles=roles))
