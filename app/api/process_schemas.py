"""What the API reads of processes and runs, strictly. Sense is judged in rules/."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.api.schemas import Why
from rules.process_operate import Act
from rules.process_signal import SIGNAL_OUTCOMES

_KEY = validate.Length(min=1, max=120)


class DefinitionSchema(Schema):
    """A new process; `definition` is in the form of rules/process_content.py, which judges it."""

    definition = fields.Dict(required=True)
    department = fields.String(load_default=None, allow_none=True)
    why = Why(required=True)


class DraftSchema(Schema):
    """A draft that is saved; `revision` names the one that was edited, 0 where there is none."""

    definition = fields.Dict(required=True)
    revision = fields.Integer(strict=True, required=True)
    why = Why(load_default="")


class ScenarioSchema(Schema):
    """A run that is to be kept as a scenario; without a name it is called by the run."""

    name = fields.String(load_default="", validate=validate.Length(max=120))


class CheckSchema(Schema):
    """A draft that is to be checked as it was seen."""

    revision = fields.Integer(strict=True, required=True)


class DeploySchema(Schema):
    """A version that new runs are to follow."""

    version = fields.Integer(strict=True, required=True)
    why = Why(required=True)


class StartSchema(Schema):
    """A run that is wished for; a second wish with the same key gets the same run."""

    input = fields.Dict(keys=fields.String(), load_default=dict)
    start_key = fields.String(load_default=None, allow_none=True, validate=_KEY)


class SignalSchema(Schema):
    """A signal; without a node it is for the only one that waits for its name."""

    outcome = fields.String(load_default=SIGNAL_OUTCOMES[0], validate=validate.OneOf(SIGNAL_OUTCOMES))
    output = fields.Dict(keys=fields.String(), load_default=dict)
    node = fields.String(load_default="")
    iteration = fields.Integer(strict=True, load_default=0, validate=validate.Range(0, 10_000))
    message_key = fields.String(load_default=None, allow_none=True, validate=_KEY)


class IncidentSchema(Schema):
    """What becomes of a node that failed; outcome and output only where it is skipped."""

    act = fields.String(required=True, validate=validate.OneOf(list(Act)))
    outcome = fields.String(load_default="")
    output = fields.Dict(keys=fields.String(), load_default=dict)
    iteration = fields.Integer(strict=True, load_default=0, validate=validate.Range(0, 10_000))
    why = Why(required=True)


class MoveSchema(Schema):
    """Runs that are to follow another version: those that are named, or every one that can."""

    runs = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=1000))
    why = Why(required=True)


class CancelSchema(Schema):
    """A run that is to be called off."""

    why = Why(required=True)


class AnswerSchema(Schema):
    """An answer to a task."""

    agrees = fields.Boolean(required=True, truthy={True}, falsy={False})
    note = Why(load_default="")


class CallbackSchema(Schema):
    """What another system says of the work that it was given: what it gives out, or why it failed."""

    output = fields.Dict(keys=fields.String(), load_default=dict)
    error = Why(load_default="")
