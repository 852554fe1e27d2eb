"""The child that measures for the gate. Light to import: a gate has it load its code while loading its own."""

from __future__ import annotations

from django.conf import settings

from compliance.sandbox import Limits, SandboxedProcess


def measuring_child() -> SandboxedProcess:
    """`compliance.release.live_measure` in the sandbox, for as long as a room is on air."""
    limits = Limits(memory_mb=settings.AVOW_SANDBOX_MEMORY_MB, cpu_s=1 << 30, wall_s=1 << 30)
    return SandboxedProcess("compliance.release.live_measure", limits=limits)
