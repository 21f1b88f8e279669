"""What can go wrong between us and a vendor, told apart by what may have happened there."""

from __future__ import annotations


class VendorError(Exception):
    """A call to the vendor did not give what was asked for."""


class VendorUnavailable(VendorError):
    """The vendor could not be reached or failed, and nothing was ordered by this call. Worth a retry."""


class VendorBusy(VendorError):
    """The vendor asks us to come back later; nothing was ordered by this call.

    Attributes:
        retry_after_seconds: the least time to wait.
    """

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"the vendor asks for a pause of {retry_after_seconds:g} s")
        self.retry_after_seconds = retry_after_seconds


class VendorRefused(VendorError):
    """The vendor understood and said no. The same call again gets the same answer.

    Attributes:
        code: the vendor's code, such as INVALID_REQUEST_PARAMETER.
        reason: the vendor's sentence, cleaned for display.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}" if reason else code)
        self.code = code
        self.reason = reason


class VendorAccessDenied(VendorRefused):
    """The vendor does not accept our credentials or rights: a matter for the platform, not for the requester."""


class OrderOutcomeUnknown(VendorError):
    """An order may or may not have been taken. Only reading it back tells; it is never a refusal."""
