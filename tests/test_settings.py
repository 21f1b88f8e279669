"""Settings read from an environment: defaults, refusals with name and reason, and secrets that stay secret."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from decimal import Decimal
from pathlib import Path

import pytest

from settings import Settings, SettingsError

SECRET = "s3cret-" * 6
LOCAL = {
    "VISTOBUENO_MODE": "local",
    "SECRET_KEY": SECRET,
    "DATABASE_URL": "postgresql://app:hush@db.example/vb",
}
PRODUCTION = {
    "SECRET_KEY": SECRET,
    "PUBLIC_URL": "https://approvals.example.org/",
    "DATABASE_URL": "postgresql://app:hush@db.example/vb",
    "REDIS_URL": "rediss://:hush@redis.example:6380/0",
    "TEMPORAL_ADDRESS": "temporal.example:7233",
    "SMTP_URL": "smtps://mailer:hush@mail.example:465",
    "MAIL_FROM": "approvals@example.org",
    "VENDOR_URL": "https://vendor.example",
    "VENDOR_CLIENT_ID": "client-1",
    "VENDOR_CLIENT_SECRET": "hush-client",
    "VENDOR_REFRESH_TOKEN": "hush-token",
    "VENDOR_USER_EMAIL": "purchasing@example.org",
    "VENDOR_BUYING_GROUP": "group-1",
    "VENDOR_SHIP_TO": "Goods in; +1; Main St 1; Springfield; IL; 62701; US",
}
NAMED_OTHERWISE = {"mode": "VISTOBUENO_MODE", "demo_logins_file": "VISTOBUENO_DEMO_LOGINS"}


def problems_of(env: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment(env)
    return refused.value.problems


def test_a_complete_production_environment_is_read() -> None:
    settings = Settings.from_environment(PRODUCTION)
    assert settings.mode == "production"
    assert settings.public_url == "https://approvals.example.org"
    assert settings.migration_database_url == settings.database_url
    assert settings.vendor_token_url == "https://vendor.example/auth/o2/token"
    assert settings.vendor_hosts == ("amazon.es", "amazon.com")
    assert settings.price_tolerance_percent == Decimal(5)
    assert settings.build_id == "dev"
    assert settings.temporal_tls is False
    assert settings.slack_webhook_url is None


def test_without_a_mode_everything_is_strict() -> None:
    assert problems_of({}) == [
        f"{name}: is missing"
        for name in (
            "DATABASE_URL",
            "VENDOR_URL",
            "SECRET_KEY",
            "PUBLIC_URL",
            "REDIS_URL",
            "TEMPORAL_ADDRESS",
            "SMTP_URL",
            "MAIL_FROM",
            "VENDOR_CLIENT_ID",
            "VENDOR_CLIENT_SECRET",
            "VENDOR_REFRESH_TOKEN",
            "VENDOR_USER_EMAIL",
            "VENDOR_BUYING_GROUP",
            "VENDOR_SHIP_TO",
        )
    ]


def test_local_mode_needs_only_a_key_and_a_database() -> None:
    settings = Settings.from_environment(LOCAL)
    assert settings.temporal_address == "127.0.0.1:7243"
    assert settings.smtp_url == "smtp://127.0.0.1:2525"


@pytest.mark.parametrize("mode", ["local", "production"])
def test_a_missing_secret_key_stops_the_start_in_every_mode(mode: str) -> None:
    env = {**PRODUCTION, "VISTOBUENO_MODE": mode}
    del env["SECRET_KEY"]
    assert problems_of(env) == ["SECRET_KEY: is missing"]


def test_an_empty_variable_counts_as_missing() -> None:
    assert problems_of({**PRODUCTION, "SECRET_KEY": "  "}) == ["SECRET_KEY: is missing"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("VISTOBUENO_MODE", "locale", "must be local or production, not 'locale'"),
        ("SECRET_KEY", "short", "must have at least 32 characters, has 5"),
        ("PUBLIC_URL", "approvals.example.org", "must start with http:// or https://"),
        ("PUBLIC_URL", "https://", "names no host"),
        ("PUBLIC_URL", "https://me:hush@example.org", "must not carry a user or password"),
        (
            "DATABASE_URL",
            "mysql://db/vb",
            "must start with postgresql:// or postgres:// or postgresql+psycopg://",
        ),
        ("DATABASE_URL", "postgresql://db.example", "names no database"),
        ("DATABASE_URL", "postgresql://db.example:many/vb", "is no URL"),
        ("MIGRATION_DATABASE_URL", "postgresql://db.example/", "names no database"),
        ("REDIS_URL", "redis://", "names no host"),
        ("REDIS_URL", "redis://cache.example:0", "must not name port 0"),
        ("TEMPORAL_ADDRESS", "temporal.example", "must be host:port, not 'temporal.example'"),
        ("TEMPORAL_ADDRESS", "temporal.example:99999", "must be a port from 1 to 65535, not '99999'"),
        ("TEMPORAL_TLS", "perhaps", "must be yes or no, not 'perhaps'"),
        ("SMTP_URL", "mail.example:25", "must start with smtp:// or smtps://"),
        ("MAIL_FROM", "Approvals <a@b>", "must be a mail address, not 'Approvals <a@b>'"),
        ("VENDOR_URL", "https://vendor example", "must not hold white space"),
        ("VENDOR_REGION", "Spain", "must be two capital letters, not 'Spain'"),
        ("VENDOR_LOCALE", "spanish", "must look like es_ES, not 'spanish'"),
        ("VENDOR_HOSTS", "amazon.es, *", "must be host names separated by commas; '*' is none"),
        ("VENDOR_HOSTS", ",", "names no host"),
        ("PRICE_TOLERANCE_PERCENT", "5%", "must be a number, not '5%'"),
        ("PRICE_TOLERANCE_PERCENT", "NaN", "must be from 0 to 100, not 'NaN'"),
        ("PRICE_TOLERANCE_PERCENT", "-1", "must be from 0 to 100, not '-1'"),
        ("WEB_PORT", "0", "must be a port from 1 to 65535, not '0'"),
        ("WEB_PORT", "²", "must be a port from 1 to 65535, not '²'"),
        ("TRUSTED_PROXIES", "all", "must be a number from 0 to 9, not 'all'"),
        ("BUILD_NOTE", "two\nlines", "must be one line of at most 200 characters"),
        ("BUILD_ID", "1.2", "must be 1 to 63 letters, digits, - or _, not '1.2'"),
        ("SLACK_WEBHOOK_URL", "hooks", "must start with http:// or https://"),
        ("WEBHOOK_SECRETS", "partner", "must be name=whsec_…"),
        ("WEBHOOK_SECRETS", "partner=whsec_short", "must be name=whsec_…"),
        ("WEBHOOK_PRIVATE", "yes", "must not be on outside local mode"),
    ],
)
def test_nonsense_is_refused_with_name_and_reason(name: str, value: str, reason: str) -> None:
    found = problems_of({**PRODUCTION, name: value})
    assert len(found) == 1
    assert found[0].startswith(f"{name}: {reason}")


def test_all_problems_are_told_at_once_one_line_each() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({**PRODUCTION, "WEB_PORT": "x", "SMTP_URL": "y", "SECRET_KEY": ""})
    assert sorted(line.split(":")[0] for line in str(refused.value).splitlines()) == [
        "SECRET_KEY",
        "SMTP_URL",
        "WEB_PORT",
    ]


def test_a_refusal_never_repeats_a_password() -> None:
    env = {name: value.replace("://", "//") for name, value in PRODUCTION.items()}
    assert "hush" not in str(SettingsError(problems_of(env)))


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(SECRET + "\n")
    env = {**PRODUCTION, "SECRET_KEY_FILE": str(key)}
    del env["SECRET_KEY"]
    assert Settings.from_environment(env).secret_key == SECRET


def test_a_value_given_both_ways_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(SECRET)
    assert problems_of({**PRODUCTION, "SECRET_KEY_FILE": str(key)}) == [
        "SECRET_KEY: is given twice, also as SECRET_KEY_FILE"
    ]


def test_a_missing_or_empty_secret_file_is_refused_with_its_path(tmp_path: Path) -> None:
    env = {**PRODUCTION, "SECRET_KEY_FILE": str(tmp_path / "none")}
    del env["SECRET_KEY"]
    assert problems_of(env) == [
        f"SECRET_KEY_FILE: cannot be read: No such file or directory: {tmp_path / 'none'}"
    ]
    (tmp_path / "none").write_text("\n")
    assert problems_of(env) == [f"SECRET_KEY_FILE: is empty: {tmp_path / 'none'}"]


def test_an_api_key_turns_tls_on_and_forbids_turning_it_off() -> None:
    env = {**PRODUCTION, "TEMPORAL_API_KEY": "hush-key"}
    assert Settings.from_environment(env).temporal_tls is True
    assert problems_of({**env, "TEMPORAL_TLS": "no"}) == [
        "TEMPORAL_TLS: must not be off where TEMPORAL_API_KEY is set"
    ]


def test_demo_logins_are_refused_outside_local_mode() -> None:
    demo = {"VISTOBUENO_DEMO_LOGINS": "logins.json"}
    assert Settings.from_environment({**LOCAL, **demo}).demo_logins_file == Path("logins.json")
    assert problems_of({**PRODUCTION, **demo}) == [
        "VISTOBUENO_DEMO_LOGINS: must not be set outside local mode"
    ]


def test_a_repr_shows_no_secret() -> None:
    settings = Settings.from_environment(
        {**PRODUCTION, "TEMPORAL_API_KEY": "hush-key", "SLACK_WEBHOOK_URL": "https://chat.example/hush"}
    )
    assert "hush" not in repr(settings)
    assert SECRET not in repr(settings)
    assert "temporal.example:7233" in repr(settings)


def test_settings_cannot_be_changed_after_they_were_read() -> None:
    settings = Settings.from_environment(PRODUCTION)
    with pytest.raises(FrozenInstanceError):
        settings.web_port = 1  # type: ignore[misc]


def test_every_field_is_explained_by_the_variable_it_comes_from() -> None:
    source = Path(__file__).parent.parent.joinpath("settings.py").read_text(encoding="utf-8")
    for each in fields(Settings):
        name = NAMED_OTHERWISE.get(each.name, each.name.upper())
        assert f'    """{name}: ' in source, f"{each.name} has no docstring that starts with {name}"
