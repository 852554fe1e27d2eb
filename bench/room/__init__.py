"""A room on air, measured: speed, memory, what stops it and how fast, what it does when something is away."""
