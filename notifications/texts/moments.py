"""Times in email texts: printed in the language of the reader, and formatted by the filter `date` like any other time.

Values for texts are JSON, so a time is an object with these two forms until it is rendered.
"""

from collections.abc import Mapping
from datetime import datetime

_FORMS = frozenset({"time", "words"})


class TimeInWords(datetime):
    """A time that prints as its words, for example `2026. gada 5. marts, 17:00 EET`."""

    words: str

    def __str__(self) -> str:
        return self.words


def moment_value(time: datetime, words: str) -> dict[str, str]:
    """The time as a value for a text."""
    return {"time": time.isoformat(), "words": words}


def with_moments(value: object) -> object:
    """The value with a `TimeInWords` in place of each time."""
    if isinstance(value, list):
        return [with_moments(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if value.keys() == _FORMS:
        moment = TimeInWords.fromisoformat(value["time"])
        moment.words = value["words"]
        return moment
    return {name: with_moments(part) for name, part in value.items()}
