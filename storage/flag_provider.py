"""Our flags for code that asks through OpenFeature. Hands questions to the process's copy; decides nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import FlagNotFoundError, TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from rules.flag import FLAGS, Flag, Kind, Reading, Source, Value
from storage.flag_copy import Event, FlagCopy

#: The attribute of the evaluation context that names the person's department; the targeting key is the person's id.
DEPARTMENT: Final = "department"

_REASONS: Final[Mapping[Source, Reason]] = {
    Source.PERSON: Reason.TARGETING_MATCH,
    Source.DEPARTMENT: Reason.TARGETING_MATCH,
    Source.EVERYONE: Reason.STATIC,
    Source.DEFAULT: Reason.DEFAULT,
    Source.STALE: Reason.STALE,
    # No error code goes with it: then the asker's default would count, and for a spending flag ours has to.
    Source.WRONG_TYPE: Reason.ERROR,
}

T = TypeVar("T")


class FlagProvider(AbstractProvider):
    """OpenFeature's way to the flags. The default in our code counts, not the asker's, except for errors.

    An error is an unknown flag (FLAG_NOT_FOUND) or one of another type (TYPE_MISMATCH). The end of the provider does
    not end the copy: whoever started it stops it.
    """

    def __init__(self, copy: FlagCopy) -> None:
        super().__init__()
        self._copy = copy
        copy.watch(self._pass_on)

    def get_metadata(self) -> Metadata:
        """The provider's name."""
        return Metadata("vistobueno")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """What a boolean flag says."""
        return self._resolve(flag_key, Kind.BOOLEAN, bool, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """What a string flag says."""
        return self._resolve(flag_key, Kind.STRING, str, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """What a number flag says, where that is whole."""
        return self._resolve(flag_key, Kind.NUMBER, _as_whole, evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """What a number flag says."""
        return self._resolve(flag_key, Kind.NUMBER, float, evaluation_context)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """What a JSON flag says."""
        return self._resolve(flag_key, Kind.JSON, _as_is, evaluation_context)

    def _resolve(
        self, key: str, kind: Kind, convert: Callable[[Value], T], context: EvaluationContext | None
    ) -> FlagResolutionDetails[T]:
        flag = FLAGS.get(key)
        if flag is None:
            raise FlagNotFoundError(f"There is no flag {key!r}.")
        if flag.kind is not kind:
            raise TypeMismatchError(f"{key} is a {flag.kind} flag.")
        department = context.attributes.get(DEPARTMENT) if context else None
        reading = self._copy.read(
            flag,
            (context.targeting_key if context else None) or "",
            department if isinstance(department, str) else "",
        )
        return FlagResolutionDetails(
            value=convert(reading.value),
            reason=_REASONS[reading.source],
            variant=_variant(flag, reading),
            flag_metadata={"revision": reading.revision, "source": reading.source.value},
        )

    def _pass_on(self, event: Event, keys: Collection[str]) -> None:
        match event:
            case Event.READY:
                self.emit_provider_ready(ProviderEventDetails())
            case Event.CHANGED:
                self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=list(keys)))
            case Event.STALE:
                self.emit_provider_stale(ProviderEventDetails(message="nothing was heard for 2 s"))


def _variant(flag: Flag, reading: Reading) -> str | None:
    if flag.kind is Kind.BOOLEAN:
        return "on" if reading.on else "off"
    return str(reading.value) if flag.options else None


def _as_whole(value: Value) -> int:
    if value != int(value):
        raise TypeMismatchError("The flag is no whole number.")
    return int(value)


def _as_is(value: Value) -> Sequence[FlagValueType] | Mapping[str, FlagValueType]:
    content: Sequence[FlagValueType] | Mapping[str, FlagValueType] = value
    return content
