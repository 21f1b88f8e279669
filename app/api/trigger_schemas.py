"""What the API reads of triggers and timetables, strictly. Sense is judged in rules/."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.api.schemas import Why
from rules.process_timetable import USUAL_CATCH_UP, Overlap

_WORD = validate.Length(max=200)


class TriggerSchema(Schema):
    """A trigger; see rules/process_trigger.py."""

    title = fields.String(required=True, validate=_WORD)
    entity = fields.String(required=True, validate=_WORD)
    operation = fields.String(required=True, validate=_WORD)
    fields_ = fields.List(
        fields.String(validate=_WORD), data_key="fields", attribute="fields", load_default=list
    )
    condition = fields.Dict(load_default=None, allow_none=True)
    process = fields.String(required=True, validate=_WORD)
    input = fields.Dict(keys=fields.String(), load_default=dict)
    may_follow_itself = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    why = Why(required=True)


class TriggerChangeSchema(TriggerSchema):
    """The same for one that is there, as whoever changes it has read it."""

    revision = fields.Integer(strict=True, required=True)


class TimetableSchema(Schema):
    """A timetable; see rules/process_timetable.py."""

    title = fields.String(required=True, validate=_WORD)
    process = fields.String(required=True, validate=_WORD)
    cron = fields.String(required=True, validate=_WORD)
    zone = fields.String(required=True, validate=_WORD)
    overlap = fields.String(load_default=Overlap.SKIP.value, validate=_WORD)
    catch_up_seconds = fields.Integer(strict=True, load_default=int(USUAL_CATCH_UP.total_seconds()))
    input = fields.Dict(keys=fields.String(), load_default=dict)
    why = Why(required=True)


class TimetableChangeSchema(TimetableSchema):
    """The same for one that is there, as whoever changes it has read it."""

    revision = fields.Integer(strict=True, required=True)


class SwitchSchema(Schema):
    """Switching on or off."""

    on = fields.Boolean(required=True, truthy={True}, falsy={False})
    revision = fields.Integer(strict=True, required=True)
    why = Why(required=True)


class TakeAwaySchema(Schema):
    """Taking away."""

    revision = fields.Integer(strict=True, required=True)
    why = Why(required=True)
