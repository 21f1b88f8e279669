"""What the API reads, strictly: unknown fields, NaN and wrong types are refused. Sense is judged in rules/."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from rules.errors import InvalidFields
from rules.rollout import Kind, Plan, Step
from rules.rollout_plan import judge_share
from rules.text import LONGEST_WHY, judge_why

_PLAN, _STEP = Plan(steps=()), Step(share=Decimal(0))


class Share(fields.Field[Decimal]):
    """Percent from 0 to 100 in steps of 0.1, as a number or as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_more: Any) -> Decimal:
        try:
            return judge_share(value)
        except InvalidFields as refusal:
            raise ValidationError(list(refusal.problems.values())) from None


class Why(fields.String):
    """A sentence of a person, cleaned as every text of a form is."""

    def __init__(self, **more: Any) -> None:
        super().__init__(validate=validate.Length(min=1, max=LONGEST_WHY), **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **more))
        try:
            return judge_why(text)
        except InvalidFields as refusal:
            raise ValidationError(list(refusal.problems.values())) from None


class StepSchema(Schema):
    """One step of a plan; see rules/rollout.py."""

    percentage = Share(required=True)
    departments = fields.List(fields.String(), load_default=list)
    min_seconds = fields.Integer(strict=True, load_default=_STEP.min_seconds)
    min_samples = fields.Integer(strict=True, load_default=_STEP.min_samples)
    max_seconds = fields.Integer(strict=True, load_default=_STEP.max_seconds)
    manual = fields.Boolean(load_default=_STEP.manual)


class RolloutSchema(Schema):
    """A rollout that is asked for: a share of some departments, or a whole plan of steps.

    `target` is a build (also as `build_id`), the id of a candidate, a version of a process such as `travel@4`, or a
    flag, whose `value` some get first.
    """

    kind = fields.String(
        load_default=Kind.BUILD.value,
        validate=validate.OneOf([each.value for each in Kind]),
    )
    build_id = fields.String(load_default="", validate=validate.Length(min=1, max=63))
    target = fields.String(load_default="", validate=validate.Length(min=1, max=100))
    value = fields.Raw(load_default=None, allow_none=True)
    percentage = Share()
    departments = fields.List(fields.String(), load_default=list)
    steps = fields.List(fields.Nested(StepSchema))
    bake_seconds = fields.Integer(strict=True, load_default=_PLAN.bake_seconds)
    check_seconds = fields.Integer(strict=True, load_default=_PLAN.check_seconds)
    limits = fields.Dict(keys=fields.String(), values=fields.Decimal(allow_nan=False), load_default=dict)
    native = fields.Boolean(load_default=_PLAN.native)
    why = Why(load_default="asked for through the API")
    revision = fields.Integer(strict=True, load_default=None, allow_none=True)


class CommandSchema(Schema):
    """A command to a rollout, with the reason and, if it was looked at, the revision that was seen."""

    why = Why(required=True)
    revision = fields.Integer(strict=True, load_default=None, allow_none=True)


class ReturnSchema(Schema):
    """A way back from a build that is called bad."""

    current_build_id = fields.String(required=True, validate=validate.Length(min=1, max=63))
    reason = Why(required=True)
    freeze_only = fields.Boolean(load_default=False)


class ToggleSchema(Schema):
    """A flag that is switched for everyone, a department or a person; not for both."""

    feature = fields.String(required=True, validate=validate.Length(min=1, max=100))
    enabled = fields.Boolean(required=True, truthy={True}, falsy={False})
    department = fields.String(load_default=None, allow_none=True)
    user_id = fields.UUID(load_default=None, allow_none=True)
    why = Why(load_default="switched through the API")


class RuleSchema(Schema):
    """A routing rule; `rule` is in the form of rules/routing_content.py, which judges it."""

    rule = fields.Dict(required=True)
    why = Why(required=True)
    version = fields.Integer(strict=True, load_default=None, allow_none=True)


class RemoveSchema(Schema):
    """Taking a rule away."""

    why = Why(required=True)
    version = fields.Integer(strict=True, required=True)


class StateSchema(Schema):
    """Freezing or thawing all routing."""

    frozen = fields.Boolean(required=True, truthy={True}, falsy={False})
    why = Why(required=True)
