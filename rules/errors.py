"""Business refusals as facts with a stable code and an HTTP status. Knows nothing of how they are shown."""

from __future__ import annotations

from typing import ClassVar


class BusinessError(Exception):
    """A refusal that a person can act upon; never a fault of the program.

    Attributes:
        code: stable identifier for programs, the class name in kebab case unless a class says otherwise.
        status: the HTTP status that a web door answers with.
        field: the form field the refusal is about, or None.
    """

    code: ClassVar[str] = "business-error"
    status: ClassVar[int] = 422

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in cls.__dict__:
            cls.code = "".join(f"-{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("-")

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Invalid(BusinessError):
    """Input that breaks a rule of form; names its field."""


class InvalidFields(BusinessError):
    """Several fields at once are invalid.

    Attributes:
        problems: field name -> one sentence that says what is wrong and what would be right.
    """

    code = "invalid"

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {text}" for field, text in problems.items()))
        self.problems = problems


class NotFound(BusinessError):
    """The thing does not exist, or the asker may not know that it does."""

    status = 404


class NotAllowed(BusinessError):
    """The person's roles do not open this act."""

    status = 403


class OwnRequestCannotBeDecided(BusinessError):
    """Nobody decides a request in which they have a stake."""

    status = 403


class NotTheAskedApprover(BusinessError):
    """Somebody else is asked to decide this request."""

    status = 403


class AlreadyDecided(BusinessError):
    """The decision has been taken; the message names who took it and when."""

    status = 409


class RequestIsClosed(BusinessError):
    """The request has ended; nothing more can be done to it."""

    status = 409


class ChangedSinceShown(BusinessError):
    """What was shown when the person decided is not what stands now.

    Attributes:
        changes: field name -> (shown, now), both as they are printed.
    """

    status = 409

    def __init__(self, changes: dict[str, tuple[str, str]]) -> None:
        listed = ", ".join(f"{name} was {shown} and is now {now}" for name, (shown, now) in changes.items())
        super().__init__(f"This request changed since you opened it: {listed}. Please look again.")
        self.changes = changes


class KeyReusedForAnotherRequest(BusinessError):
    """One form key came twice with different contents."""

    status = 422
