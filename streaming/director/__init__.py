"""How a room follows its audience: the live picture, expression and pace, and the order of the rundown.

Pure rules over values; no clock, no database. docs/live-speech.md tells what the director may and may not do.
"""
