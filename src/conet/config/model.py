"""What all settings share: frozen, strictly typed, validated with one plain line, changed by dotted keys."""

import hashlib
import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from conet.base.errors import ConetError, nearest
from conet.config import aliases, reading
from conet.config.checking import SHOWN, flatten, keys_of, refused, unknown, validated

Count = Annotated[int, Field(ge=1, lt=2**31)]  # steps, nodes and edges are kept as int32
# Bounds of what would only overflow, or never be reached.
Nats = Annotated[float, Field(ge=0, le=22)]  # an entropy: the logarithm of 2³² choices, more than there are
Weight = Annotated[float, Field(ge=0, le=1000)]  # of an entropy bonus: rewards are of the order of 1
StepOrShare = Annotated[
    int | Annotated[float, Field(gt=0, lt=1)], BeforeValidator(lambda value: step_or_share(value))
]  # of a run: 5 is an update, 0.5 a share


class Settings(BaseModel):
    """Base of all settings: immutable, unknown keys refused, and no value is reinterpreted.

    ``true`` is no number and ``"1_000"`` is none either. What changes nothing is allowed: a whole number
    written as 1e3, and a list where a tuple is kept.

    Attributes
    ----------
    section
        Its place in the config ("" for the config itself), where some of its settings had other names.
    """

    section: ClassVar[str | None] = None

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _same_value(cls, data: Any) -> Any:
        """Turn 1e3 into 1000, lists into tuples, and None into the word, where the field wants these."""
        if not isinstance(data, Mapping):
            return data
        found = dict(data)
        for name, field in cls.model_fields.items():
            value, kinds = found.get(name), set(_kinds(field.annotation))
            if isinstance(value, float) and int in kinds and float not in kinds and _exact(value):
                found[name] = int(value)
            elif isinstance(value, list) and tuple in kinds:
                found[name] = tuple(value)
            elif value is None and name in found and is_a_word(field.annotation):
                found[name] = "none"  # the command line reads key=none as None, which other fields want
        return found

    if not typing.TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Return what the setting had another name for in version 0.1."""
            for old, new in aliases.SETTINGS.items():
                section, _, present = new.rpartition(".")
                if section == self.section and old.rpartition(".")[2] == name:
                    return getattr(self, present)
            return super().__getattr__(name)


class OpenSettings(Settings):
    """Settings with further raw options, which the named graph, learner or schedule validates."""

    model_config = ConfigDict(extra="allow")

    @property
    def options(self) -> dict[str, Any]:
        """Raw options beyond the declared ones."""
        return dict(self.model_extra or {})


def hash_of(data: Mapping[str, Any]) -> str:
    """SHA-256 of settings as a run's file holds them, but for the preset's name.

    Taken over what the file says, under the names it uses, so that the ``config_hash`` of any version's
    provenance can be compared with its file of settings, also where settings have been renamed since.
    """
    kept = {key: value for key, value in data.items() if key != "preset"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


class Root(Settings):
    """Settings that stand for themselves, with sections: the config of a run, or a recipe.

    Attributes
    ----------
    what
        What it is called in errors.
    old_names
        Keys of version 0.1 and their present names.
    """

    what: ClassVar[str] = "config"
    section: ClassVar[str | None] = ""
    old_names: ClassVar[Mapping[str, str]] = {}

    if not typing.TYPE_CHECKING:  # an editor sees the fields as arguments

        def __init__(self, **data: Any) -> None:
            try:
                super().__init__(**data)
            except ValidationError as error:
                raise refused(type(self), data, error) from None

    @model_validator(mode="before")
    @classmethod
    def _present_names(cls, data: Any) -> Any:
        """Take old names from Python too, as ``Config(tasks={"questions": 5})``."""
        if not isinstance(data, Mapping):
            return data
        return aliases.renamed_nested(data, cls.old_names, quiet=False)

    @classmethod
    def checked(cls, data: Mapping[str, Any]) -> Self:
        """Validate nested data.

        Raises
        ------
        ConetError
            Naming the key, what was got and what was expected.
        """
        return validated(cls, data)

    def override(self, changes: Mapping[str, Any]) -> Self:
        """Return settings with dotted keys changed, as ``{"graph.nodes": 200}``.

        Raises
        ------
        ConetError
            For an unknown key (the nearest is named) or a value that does not fit.
        """
        if not isinstance(changes, Mapping) or not all(isinstance(key, str) for key in changes):
            remedy = "for example {'graph.nodes': 200}"
            raise ConetError(f"changes {changes!r}"[:SHOWN], "a mapping of dotted keys to values", remedy)
        data = self.model_dump()
        written = {aliases.current(key, self.old_names): key for key in changes}
        for key, value in aliases.renamed(changes, self.old_names).items():
            self._put(data, key, value, written[key])
        return self.checked(data)

    def overlaid(self, data: Mapping[str, Any]) -> Self:
        """Return settings with those of a file over them, nested or dotted, as :meth:`override`.

        Raises
        ------
        ConetError
            Also where a key stands there twice.
        """
        return self.override(aliases.renamed(flatten(data), self.old_names, from_file=True))

    def to_json(self) -> str:
        """Write as indented JSON."""
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "settings") -> Self:
        """Read what :meth:`to_json` wrote, in any version; missing keys take their defaults.

        Parameters
        ----------
        text
            The content of a file.
        source
            The file's name, for the errors.

        Raises
        ------
        ConetError
            When the text is no JSON object or a value does not fit.
        """
        try:
            data = reading.loads_once(text)
        except (ValueError, RecursionError) as error:
            raise ConetError(f"{source}: {error}", "a JSON object", "mend or restore the file") from None
        if not isinstance(data, dict):
            raise ConetError(f"{source}: {type(data).__name__}", "a JSON object", "mend or restore the file")
        try:
            return cls.checked(aliases.renamed_nested(data, cls.old_names, quiet=True))
        except ConetError as error:
            raise ConetError(f"{source}: {error.got}", error.expected, error.remedy) from None

    @property
    def content_hash(self) -> str:
        """SHA-256 of the settings that decide the result (the preset's name does not)."""
        return hash_of(self.model_dump(mode="json"))

    def _put(self, data: dict[str, Any], key: str, value: Any, written: str) -> None:
        """Set one dotted key, ``written`` by the user; what fits there is for the validation to say."""
        *path, last = key.split(".")
        place: Any = data
        section: Any = self
        for part in path:
            if isinstance(section, Settings) and part not in place:
                raise unknown(type(self), key)
            section = getattr(section, part) if isinstance(section, Settings) else None
            if place.get(part) is None:  # a table of options, of which there is none yet
                place[part] = {}
            place = place[part]
            if not isinstance(place, dict):
                raise unknown(type(self), key)
        if isinstance(section, Settings) and isinstance(getattr(section, last, None), Settings):
            remedy = nearest(key + ".", keys_of(type(self)))
            raise ConetError(f"{written}={value!r}"[:SHOWN], f"a key inside {key!r}", remedy)
        place[last] = value


def whole(value: Any) -> Any:
    """Return 1e3 as 1000, for what may be a whole number or a fraction."""
    return int(value) if isinstance(value, float) and _exact(value) else value


def step_or_share(value: Any) -> Any:
    """Return 1e3 as 1000, and refuse what may be taken for a share of the whole run, and is none."""
    if isinstance(value, float) and (value == 1 or (value > 1 and not _exact(value))):
        raise ValueError("a share of the run below 1, or a whole number of updates")
    return whole(value)


def _exact(value: float) -> bool:
    """Whether a number with a point is one whole number and no other."""
    return value.is_integer() and abs(value) < 2**53


def is_a_word(annotation: Any) -> bool:
    """Whether "none" is one of the words that an annotation allows, and None is not."""
    return typing.get_origin(annotation) is typing.Literal and "none" in typing.get_args(annotation)


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield the types that an annotation allows, without their parameters."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        yield from _kinds(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for each in typing.get_args(annotation):
            yield from _kinds(each)
    else:
        yield origin or annotation
