"""A room on air: one process performs it without any key, the live gate verifies, signs and publishes."""
