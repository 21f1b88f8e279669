"""The face: pages, API, login. Asks and shows; decides nothing."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask
from flask_babel import Babel
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from app.access import set_up_access
from app.api import set_up_api
from app.assets import set_up_assets
from app.catalogue import set_up_catalogue
from app.database import db
from app.errors import set_up_errors
from app.flags import set_up_flags
from app.headers import set_up_headers
from app.limits import set_up_limits
from app.log import set_up_log
from app.pages import set_up_pages
from app.templating import set_up_templating
from settings import Settings
from storage.database import engine_url

#: No form and no API call of ours needs more; a longer body is refused unread.
LONGEST_BODY_BYTES = 256 * 1024


def create_app(settings: Settings) -> Flask:
    """The web application for these settings."""
    app = Flask(__name__, static_folder=None)
    local = settings.mode == "local"
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=engine_url(settings.database_url),
        MAX_CONTENT_LENGTH=LONGEST_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=LONGEST_BODY_BYTES,
        TRUSTED_HOSTS=trusted_hosts(settings),
        SESSION_COOKIE_NAME="session" if local else "__Host-session",
        SESSION_COOKIE_SECURE=not local,
        WTF_CSRF_TIME_LIMIT=None,  # the token lives as long as its session
        WTF_CSRF_SSL_STRICT=False,  # the gate checks where a change comes from
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    db.init_app(app)
    Babel(app)
    set_up_log(app, fold=not local)
    set_up_access(app)
    csrf = CSRFProtect(app)
    set_up_limits(app, settings.redis_url)
    set_up_headers(app, settings.public_url)
    set_up_errors(app)
    set_up_assets(app)
    set_up_templating(app)
    set_up_flags(app, settings.redis_url)
    set_up_catalogue(app, settings)
    set_up_pages(app)
    set_up_api(app, csrf)
    return app


def trusted_hosts(settings: Settings) -> list[str]:
    """The host names under which the product answers."""
    public = urlsplit(settings.public_url).hostname or ""
    return [public, "localhost", "127.0.0.1"] if settings.mode == "local" else [public]
