"""One frozen, typed `Settings`, read once from the environment. Knows names, defaults and sense; opens nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal, TypeVar, cast
from urllib.parse import SplitResult, urlsplit

Mode = Literal["local", "production"]

T = TypeVar("T")

#: What local mode fills in: the parts that `make run` starts. Production has no such defaults.
LOCAL_DEFAULTS: Mapping[str, str] = {
    "PUBLIC_URL": "http://localhost:8000",
    "REDIS_URL": "redis://127.0.0.1:6389/0",
    "TEMPORAL_ADDRESS": "127.0.0.1:7243",
    "SMTP_URL": "smtp://127.0.0.1:2525",
    "MAIL_FROM": "approvals@vistobueno.example",
    "VENDOR_URL": "http://127.0.0.1:8010",
    "VENDOR_CLIENT_ID": "local-client",
    "VENDOR_CLIENT_SECRET": "local-client-secret",
    "VENDOR_REFRESH_TOKEN": "local-refresh-token",
    "VENDOR_USER_EMAIL": "purchasing@vistobueno.example",
    "VENDOR_BUYING_GROUP": "vistobueno",
    "VENDOR_SHIP_TO": "Goods in; +34 600 000 000; Calle Mayor 1; Madrid; Madrid; 28013; ES; Vistobueno demo",
}

SHORTEST_SECRET_KEY = 32

#: The exit code of a process that will never start like this; gunicorn gives up at it instead of trying again.
BAD_SETTINGS = 3

YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})


class SettingsError(Exception):
    """The environment makes no sense. `problems` holds one line each: the name, then the reason."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Settings:
    """Everything the product is told from outside. Each field names the environment variable it comes from.

    Any of them may be given as NAME_FILE instead: a path whose content, stripped, is the value. A `repr`
    shows no secret: fields that are secret, or URLs that may carry a password, are left out of it.
    """

    mode: Mode
    """VISTOBUENO_MODE: `production` (default, strict) or `local` (defaults for the parts of `make run`)."""

    secret_key: str = field(repr=False)
    """SECRET_KEY: signs forms and links; at least 32 characters."""

    public_url: str
    """PUBLIC_URL: where people reach the pages, without a trailing slash; goes into mails."""

    database_url: str = field(repr=False)
    """DATABASE_URL: Postgres, as the role that may do no more than the product needs."""

    migration_database_url: str = field(repr=False)
    """MIGRATION_DATABASE_URL: the same database as the role that owns the tables; default DATABASE_URL."""

    redis_url: str = field(repr=False)
    """REDIS_URL: redis://, rediss:// or unix://; spreads flags."""

    temporal_address: str
    """TEMPORAL_ADDRESS: host:port of the Temporal front end."""

    temporal_namespace: str
    """TEMPORAL_NAMESPACE: default `default`."""

    temporal_tls: bool
    """TEMPORAL_TLS: default no, but yes where TEMPORAL_API_KEY is set."""

    temporal_api_key: str | None = field(repr=False)
    """TEMPORAL_API_KEY: optional; needs TLS."""

    smtp_url: str = field(repr=False)
    """SMTP_URL: smtp://user:password@host:port, or smtps:// for TLS from the first byte."""

    mail_from: str
    """MAIL_FROM: the address that mails come from."""

    vendor_url: str
    """VENDOR_URL: where the vendor's product search and ordering answer, without a trailing slash."""

    vendor_token_url: str
    """VENDOR_TOKEN_URL: where a refresh token becomes an access token; default VENDOR_URL/auth/o2/token."""

    vendor_client_id: str
    """VENDOR_CLIENT_ID: the name under which the vendor knows this application."""

    vendor_client_secret: str = field(repr=False)
    """VENDOR_CLIENT_SECRET: the vendor's secret for this application."""

    vendor_refresh_token: str = field(repr=False)
    """VENDOR_REFRESH_TOKEN: the consent of the buying account."""

    vendor_region: str
    """VENDOR_REGION: two capital letters, default ES; the store that is searched and ordered from."""

    vendor_locale: str
    """VENDOR_LOCALE: language of titles, default es_ES."""

    vendor_user_email: str
    """VENDOR_USER_EMAIL: the buying account's user in whose name we search and order."""

    vendor_buying_group: str
    """VENDOR_BUYING_GROUP: identifier of the buying group that pays."""

    vendor_ship_to: str
    """VENDOR_SHIP_TO: name; phone; street; city; region; postal code; country[; company]: where orders go."""

    vendor_hosts: tuple[str, ...]
    """VENDOR_HOSTS: hosts whose product links are accepted, comma-separated; default amazon.es,amazon.com."""

    slack_webhook_url: str | None = field(repr=False)
    """SLACK_WEBHOOK_URL: optional; where approvers are told besides by mail."""

    webhook_secrets: Mapping[str, str] = field(repr=False)
    """WEBHOOK_SECRETS: optional; name=whsec_…, comma-separated: what processes sign their webhooks with, by name."""

    webhook_private: bool
    """WEBHOOK_PRIVATE: default no; local mode only: whether webhooks may lead into a private network, without TLS."""

    broker_url: str | None = field(repr=False)
    """BROKER_URL: optional; amqp:// or amqps://: where processes publish; needs requirements-broker.txt."""

    price_tolerance_percent: Decimal
    """PRICE_TOLERANCE_PERCENT: how far above the approved price an order may go, 0 to 100; default 5."""

    web_port: int
    """WEB_PORT: where the web server listens on 127.0.0.1; default 8000."""

    trusted_proxies: int
    """TRUSTED_PROXIES: how many proxies of ours stand before the web server and name the client; default 0."""

    health_address: str | None
    """HEALTH_ADDRESS: optional; host:port where a worker answers /healthz and /readyz, which tell how it is."""

    demo_logins_file: Path | None
    """VISTOBUENO_DEMO_LOGINS: optional, local mode only; where the demo company's logins lie for the login page."""

    build_id: str
    """BUILD_ID: which build of the code this process runs; default `dev`."""

    build_commit: str
    """BUILD_COMMIT: optional; the commit that this build was made from, shown beside it."""

    build_note: str
    """BUILD_NOTE: optional; one line on what is new in this build, shown beside it."""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Settings:
        """Read and judge everything at once.

        Raises SettingsError naming every variable that is missing or makes no sense.
        """
        return _Reader(env).settings()

    @classmethod
    def or_exit(cls, env: Mapping[str, str]) -> Settings:
        """The same for the doors: what is wrong goes to standard error, one line each, and the process ends."""
        try:
            return cls.from_environment(env)
        except SettingsError as wrong:
            print("The settings make no sense:", *wrong.problems, sep="\n  ", file=sys.stderr)
            sys.exit(BAD_SETTINGS)


class _Reader:
    """Reads one environment and collects what is wrong with it, so that all of it is told at once."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.problems: list[str] = []

    def settings(self) -> Settings:
        """Every field, or SettingsError with all problems."""
        mode = self.need("VISTOBUENO_MODE", _mode, "production")
        defaults = LOCAL_DEFAULTS if mode == "local" else {}

        def need(name: str, parse: Callable[[str], T], default: str | None = None) -> T:
            return self.need(name, parse, defaults.get(name, default))

        database_url = need("DATABASE_URL", _postgres_url)
        vendor_url = need("VENDOR_URL", _web_url)
        api_key = self.may("TEMPORAL_API_KEY", str)
        settings = Settings(
            mode=mode,
            secret_key=need("SECRET_KEY", _secret_key),
            public_url=need("PUBLIC_URL", _web_url),
            database_url=database_url,
            migration_database_url=self.may("MIGRATION_DATABASE_URL", _postgres_url) or database_url,
            redis_url=need("REDIS_URL", _redis_url),
            temporal_address=need("TEMPORAL_ADDRESS", _host_and_port),
            temporal_namespace=need("TEMPORAL_NAMESPACE", str, "default"),
            temporal_tls=need("TEMPORAL_TLS", _yes_or_no, "yes" if api_key else "no"),
            temporal_api_key=api_key,
            smtp_url=need("SMTP_URL", _smtp_url),
            mail_from=need("MAIL_FROM", _mail_address),
            vendor_url=vendor_url,
            vendor_token_url=self.may("VENDOR_TOKEN_URL", _web_url) or f"{vendor_url}/auth/o2/token",
            vendor_client_id=need("VENDOR_CLIENT_ID", str),
            vendor_client_secret=need("VENDOR_CLIENT_SECRET", str),
            vendor_refresh_token=need("VENDOR_REFRESH_TOKEN", str),
            vendor_region=need("VENDOR_REGION", _region, "ES"),
            vendor_locale=need("VENDOR_LOCALE", _locale, "es_ES"),
            vendor_user_email=need("VENDOR_USER_EMAIL", _mail_address),
            vendor_buying_group=need("VENDOR_BUYING_GROUP", str),
            vendor_ship_to=need("VENDOR_SHIP_TO", _ship_to),
            vendor_hosts=need("VENDOR_HOSTS", _hosts, "amazon.es,amazon.com"),
            slack_webhook_url=self.may("SLACK_WEBHOOK_URL", _web_url),
            webhook_secrets=self.may("WEBHOOK_SECRETS", _secrets) or {},
            broker_url=self.may("BROKER_URL", _broker_url),
            webhook_private=need("WEBHOOK_PRIVATE", _yes_or_no, "no"),
            price_tolerance_percent=need("PRICE_TOLERANCE_PERCENT", _percent, "5"),
            web_port=need("WEB_PORT", _port, "8000"),
            trusted_proxies=need("TRUSTED_PROXIES", _proxies, "0"),
            health_address=self.may("HEALTH_ADDRESS", _host_and_port),
            demo_logins_file=self.may("VISTOBUENO_DEMO_LOGINS", Path),
            build_id=need("BUILD_ID", _build_id, "dev"),
            build_commit=need("BUILD_COMMIT", _line, ""),
            build_note=need("BUILD_NOTE", _line, ""),
        )
        if settings.temporal_api_key and settings.temporal_tls is False:
            self.problems.append("TEMPORAL_TLS: must not be off where TEMPORAL_API_KEY is set")
        if settings.demo_logins_file and mode != "local":
            self.problems.append("VISTOBUENO_DEMO_LOGINS: must not be set outside local mode")
        if settings.webhook_private and mode != "local":
            self.problems.append("WEBHOOK_PRIVATE: must not be on outside local mode")
        if self.problems:
            raise SettingsError(self.problems)
        return settings

    def need(self, name: str, parse: Callable[[str], T], default: str | None = None) -> T:
        """The value of a variable that must be there or have a default.

        A problem is noted and None returned in its place: `settings` raises before anyone can see it.
        """
        before = len(self.problems)
        raw = self._raw(name)
        if raw is None and len(self.problems) == before:
            raw = default
            if raw is None:
                self.problems.append(f"{name}: is missing")
        return cast(T, self._parse(name, raw, parse))

    def may(self, name: str, parse: Callable[[str], T]) -> T | None:
        """The value of a variable that may be left out."""
        return self._parse(name, self._raw(name), parse)

    def _parse(self, name: str, raw: str | None, parse: Callable[[str], T]) -> T | None:
        if raw is None:
            return None
        try:
            return parse(raw)
        except ValueError as refused:
            self.problems.append(f"{name}: {refused}")
            return None

    def _raw(self, name: str) -> str | None:
        """The stripped text of NAME or of the file that NAME_FILE names; empty counts as not given."""
        value = self.env.get(name, "").strip()
        path = self.env.get(f"{name}_FILE", "").strip()
        if path and value:
            self.problems.append(f"{name}: is given twice, also as {name}_FILE")
            return None
        if path:
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as unreadable:
                reason = getattr(unreadable, "strerror", None) or "is not text"
                self.problems.append(f"{name}_FILE: cannot be read: {reason}: {path}")
                return None
            if not value:
                self.problems.append(f"{name}_FILE: is empty: {path}")
        return value or None


# The parsers: each raises ValueError with the reason. Reasons never repeat a value that may hold a secret.


def _mode(text: str) -> Mode:
    if text == "local":
        return "local"
    if text == "production":
        return "production"
    raise ValueError(f"must be local or production, not {text!r}")


def _secret_key(text: str) -> str:
    if len(text) < SHORTEST_SECRET_KEY:
        raise ValueError(f"must have at least {SHORTEST_SECRET_KEY} characters, has {len(text)}")
    return text


def _split(text: str, schemes: tuple[str, ...]) -> SplitResult:
    """The parts of a URL with one of these schemes, a port that is a number, and no white space."""
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)
    if re.search(r"\s", text):
        raise ValueError("must not hold white space")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"is no URL: expected {wanted}host:port") from None
    if parts.scheme not in schemes:
        raise ValueError(f"must start with {wanted}")
    if port == 0:
        raise ValueError("must not name port 0")
    return parts


def _web_url(text: str) -> str:
    parts = _split(text, ("http", "https"))
    if not parts.hostname:
        raise ValueError("names no host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user or password")
    return text.rstrip("/")


def _postgres_url(text: str) -> str:
    parts = _split(text, ("postgresql", "postgres", "postgresql+psycopg"))
    if not parts.path.strip("/"):
        raise ValueError("names no database")
    return text


def _redis_url(text: str) -> str:
    parts = _split(text, ("redis", "rediss", "unix"))
    if parts.scheme != "unix" and not parts.hostname:
        raise ValueError("names no host")
    return text


def _broker_url(text: str) -> str:
    if not _split(text, ("amqp", "amqps")).hostname:
        raise ValueError("names no host")
    return text


def _smtp_url(text: str) -> str:
    if not _split(text, ("smtp", "smtps")).hostname:
        raise ValueError("names no host")
    return text


def _host_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or "/" in text:
        raise ValueError(f"must be host:port, not {text!r}")
    _port(port)
    return text


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError(f"must be a port from 1 to 65535, not {text!r}")
    return int(text)


def _proxies(text: str) -> int:
    if not re.fullmatch(r"[0-9]", text, re.ASCII):
        raise ValueError(f"must be a number from 0 to 9, not {text!r}")
    return int(text)


def _ship_to(text: str) -> str:
    parts = [part.strip() for part in text.split(";")]
    if len(parts) not in {7, 8} or not all(parts[:7]):
        raise ValueError("must be: name; phone; street; city; region; postal code; country")
    return text


def _yes_or_no(text: str) -> bool:
    if text.lower() not in YES | NO:
        raise ValueError(f"must be yes or no, not {text!r}")
    return text.lower() in YES


def _mail_address(text: str) -> str:
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", text):
        raise ValueError(f"must be a mail address, not {text!r}")
    return text


def _region(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise ValueError(f"must be two capital letters, not {text!r}")
    return text


def _locale(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2}_[A-Z]{2}", text):
        raise ValueError(f"must look like es_ES, not {text!r}")
    return text


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host for part in text.split(",") if (host := part.strip().lower()))
    for host in hosts:
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host):
            raise ValueError(f"must be host names separated by commas; {host!r} is none")
    if not hosts:
        raise ValueError("names no host")
    return hosts


def _secrets(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for part in text.split(","):
        name, _, secret = part.strip().partition("=")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or not re.fullmatch(
            r"whsec_[A-Za-z0-9+/]{24,}=*", secret
        ):
            raise ValueError(
                "must be name=whsec_…, comma-separated, each secret in base64 of 24 letters or more"
            )
        found[name] = secret
    return found


def _percent(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"must be a number, not {text!r}") from None
    if not value.is_finite() or not 0 <= value <= 100:
        raise ValueError(f"must be from 0 to 100, not {text!r}")
    return value


def _line(text: str) -> str:
    if len(text) > 200 or not text.isprintable():
        raise ValueError("must be one line of at most 200 characters")
    return text


def _build_id(text: str) -> str:
    """What Temporal accepts in a worker's version: no dot, which separates deployment from build."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}", text):
        raise ValueError(f"must be 1 to 63 letters, digits, - or _, not {text!r}")
    return text
