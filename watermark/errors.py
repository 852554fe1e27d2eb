"""The refusals of this package: each with a code for machines and a text that says what to do."""

from __future__ import annotations


class WatermarkError(Exception):
    """Base of every refusal of this package; `str()` gives `code: text`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class BadKey(WatermarkError):
    """The key or the key file cannot be used."""


class BadPattern(WatermarkError):
    """Bytes that should be a mark pattern are not one."""


class BadMark(WatermarkError):
    """The mark is not a 64-bit number."""


class BadMedia(WatermarkError):
    """The picture or the file cannot be marked or read."""


class MarkMissing(WatermarkError):
    """The expected mark is not in the picture, or not in all of it.

    `from_s` and `to_s` bound the first stretch in which it is missing, in seconds of the clip.
    """

    def __init__(self, code: str, text: str, *, from_s: float, to_s: float) -> None:
        super().__init__(code, text)
        self.from_s = from_s
        self.to_s = to_s
