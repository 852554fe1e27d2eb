"""The fixtures of the road: a brand with its people, and a grant."""

from tests.road import tsa_url, world

__all__ = ["tsa_url", "world"]
