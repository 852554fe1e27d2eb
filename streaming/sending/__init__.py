"""Outputs of rooms: what producers enter, and the process (`manage.py room outputs`) that sends what was published."""
