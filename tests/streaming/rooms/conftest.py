"""The fixtures of the road."""

from tests.road import tsa_url, world

__all__ = ["tsa_url", "world"]
