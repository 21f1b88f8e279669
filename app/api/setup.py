"""Hangs the API on the app: schemas, strict reading, our own problem documents, the OpenAPI description."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, NoReturn, TypeVar, cast

from flask import Flask, Request, Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_smorest import Api, Blueprint
from flask_wtf.csrf import CSRFProtect
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser

from app.access import opens
from app.process_yaml import read_yaml, write_yaml
from rules.errors import InvalidFields
from rules.person import Act

VERSION: Final = "v1"
PREFIX: Final = f"/api/{VERSION}"
#: Beside JSON, for what people write themselves.
YAML: Final = "application/yaml"

View = TypeVar("View", bound=Callable[..., Any])


class StrictParser(FlaskParser):
    """Reads arguments, in JSON or in YAML; what does not fit becomes our own refusal, naming each field."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The body as plain data. Raises YamlUnreadable."""
        if req.mimetype == YAML:
            return read_yaml(req.get_data(as_text=True)).content
        return super().load_json(req, schema)

    def handle_error(self, error: ValidationError, *_given: Any, **_more: Any) -> NoReturn:
        """Raise InvalidFields, with one sentence for each field."""
        messages = error.messages_dict
        raise InvalidFields(_flat(messages.get("json") or messages.get("query") or messages))


def _flat(messages: Any, name: str = "") -> dict[str, str]:
    if isinstance(messages, dict):
        found: dict[str, str] = {}
        for key, value in messages.items():
            field = "" if key == "_schema" else str(key)
            found |= _flat(value, ".".join(part for part in (name, field) if part))
        return found
    sentences = messages if isinstance(messages, list) else [messages]
    return {name or "body": " ".join(map(str, sentences))}


def in_asked_form(shown: dict[str, Any]) -> dict[str, Any] | Response:
    """An answer as JSON, or as YAML where that is preferred."""
    if request.accept_mimetypes.best_match(["application/json", YAML]) != YAML:
        return shown
    return Response(write_yaml(shown), mimetype=YAML)


class Subject(Blueprint):  # type: ignore[misc]
    """The routes of one subject, read strictly."""

    ARGUMENTS_PARSER = StrictParser()

    def at(self, path: str, method: str) -> Callable[[View], View]:
        """Open a view at a path below the subject's own, for one method."""
        return cast("Callable[[View], View]", self.route(path, methods=[method]))

    def reads(self, schema: type[Schema]) -> Callable[[View], View]:
        """Hand the view its judged body as the first argument."""
        return cast("Callable[[View], View]", self.arguments(schema))


class _Description(Api):  # type: ignore[misc]
    """Describes our routes. Errors are shown by app/errors.py, and the description by a view that says whom it is for."""

    def _register_error_handlers(self) -> None:
        pass

    def _register_doc_blueprint(self) -> None:
        pass

    def add(self, app: Flask, subject: Subject) -> None:
        """Describe the routes of a subject, which are on the app already."""
        subject.register_views_in_doc(self, app, self.spec, name=subject.name, parameters=None)
        self.spec.tag({"name": subject.name, "description": subject.description})


def set_up_api(app: Flask, csrf: CSRFProtect) -> None:
    """Register every subject of the API. Changes need a token, so that no form token is asked for."""
    from app.api import (
        deployment,
        flags,
        gates,
        kpis,
        processes,
        rollouts,
        routing,
        runs,
        scenarios,
        timetables,
        triggers,
    )

    app.config.update(
        API_TITLE="Vistobueno",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX=None,
    )
    subjects: list[Subject] = [
        each.api for each in (deployment, rollouts, gates, flags, routing, kpis, processes, runs)
    ]
    subjects += [triggers.api, timetables.api, scenarios.api, runs.tasks, runs.callbacks]
    for subject in subjects:
        csrf.exempt(subject)
        app.register_blueprint(subject)

    @cache
    def description() -> dict[str, Any]:
        # Made when it is first asked for: it takes longer than all the rest of a start.
        made = _Description(app)
        for subject in subjects:
            made.add(app, subject)
        return made.spec.to_dict()  # type: ignore[no-any-return]

    @opens(Act.USE_ACCOUNT)
    def describe() -> ResponseReturnValue:
        """The OpenAPI description of everything here."""
        return jsonify(description())

    app.add_url_rule(f"{PREFIX}/openapi.json", "api_description", describe)
