"""Outputs: what the gate has released, sent on to servers outside. Each has a process of its own."""
