"""What finance works with: all requests, orders to settle, approvals to look at again, the rules."""

from app.pages.finance import department_process as _department_process  # noqa: F401
from app.pages.finance import orders as _orders  # noqa: F401  (their routes hang on the same blueprint)
from app.pages.finance import policies as _policies  # noqa: F401
from app.pages.finance import rechecks as _rechecks  # noqa: F401
from app.pages.finance.routes import pages

__all__ = ["pages"]
