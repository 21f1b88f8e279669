"""Where processes are drawn, tried, checked and deployed: list, versions, outline, canvas, try-out."""

from app.pages.designer import begin as _begin  # noqa: F401  (their routes hang on the same blueprint)
from app.pages.designer import canvas as _canvas  # noqa: F401
from app.pages.designer import files as _files  # noqa: F401
from app.pages.designer import gallery as _gallery  # noqa: F401
from app.pages.designer import outline as _outline  # noqa: F401
from app.pages.designer import scenarios as _scenarios  # noqa: F401
from app.pages.designer import timetables as _timetables  # noqa: F401
from app.pages.designer import trial as _trial  # noqa: F401
from app.pages.designer import triggers as _triggers  # noqa: F401
from app.pages.designer.routes import pages

__all__ = ["pages"]
