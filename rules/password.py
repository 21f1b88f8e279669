"""What a password must be like. Knows no hash and no account."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from rules.errors import Invalid

#: NIST SP 800-63B-4 asks for 15 characters where the password is the only factor.
SHORTEST_PASSWORD: Final = 15
#: Longer ones are refused before they are hashed, so that nobody can make the server sweat.
LONGEST_PASSWORD: Final = 256
#: A password of fewer different characters is a pattern, whatever its length.
FEWEST_DIFFERENT: Final = 5


def judge_password(password: str, about_the_person: Iterable[str], field: str = "new_password") -> str:
    """The password if it may be used, else Invalid naming `field`.

    Args:
        password: as it was typed; every character counts, also spaces.
        about_the_person: words that anybody would try first, such as their name and address.
        field: the form field that an error names.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid(f"Please use at least {SHORTEST_PASSWORD} characters; a short sentence is fine.", field)
    if len(password) > LONGEST_PASSWORD:
        raise Invalid(f"Please use at most {LONGEST_PASSWORD} characters.", field)
    folded = unicodedata.normalize("NFKC", password).casefold()
    if len(set(folded)) < FEWEST_DIFFERENT:
        raise Invalid("Please use more different characters.", field)
    rest = folded
    for word in sorted(
        {word.casefold() for word in about_the_person if len(word) > 2}, key=len, reverse=True
    ):
        rest = rest.replace(word, "")
    if len(rest) < SHORTEST_PASSWORD // 2:
        raise Invalid("This is little more than your name or address; please add something else.", field)
    return password
