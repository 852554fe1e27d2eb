"""Names of the built-in engines, apart from them: pages ask for the names, and engines load what no page may."""

WARP, REFINED = "warp", "refined"
"""The one that is used unless asked otherwise, and the one that learns longer."""
