"""What somebody who buys has: the form, the list of one's own requests, and the page of one request."""

from app.pages.employee import formatting, new_request
from app.pages.employee.routes import pages

__all__ = ["formatting", "new_request", "pages"]
