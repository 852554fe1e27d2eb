"""The root of every error that a person or a program outside can meet.

Each carries a machine `code` (snake_case, stable) and a text that says what to do next.
"""

from __future__ import annotations

from typing import Any


class AvowError(Exception):
    """Base of all refusals; `str()` gives `code: text`."""

    http_status = 500

    def __init__(self, code: str, text: object, **details: Any) -> None:
        super().__init__(code)
        self.code = code
        self._text = text
        self.details = details

    @property
    def text(self) -> str:
        """The sentence for a person, in the active language."""
        return str(self._text)

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.code, self.text, self.details))


def _rebuild(cls: type[AvowError], code: str, text: str, details: dict[str, Any]) -> AvowError:
    return cls(code, text, **details)


class Refused(AvowError):
    """Policy, consent or law says no. Nothing is wrong with the request's form."""

    http_status = 409


class BadInput(AvowError):
    """The file or form cannot be used as it is; the text says what to change."""

    http_status = 422


class VerificationFailed(AvowError):
    """Evidence was checked and does not hold."""

    http_status = 422


class Unavailable(AvowError):
    """Something needed is down for now; trying again later is right."""

    http_status = 503
