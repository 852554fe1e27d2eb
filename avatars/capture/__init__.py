"""Is this recording fit to become an avatar? `check_capture` answers with reasons, codes and seconds."""

from avatars.capture.check import check_capture
from avatars.capture.report import TEXTS, CaptureLimits, CaptureReport, Finding, Severity

__all__ = ["TEXTS", "CaptureLimits", "CaptureReport", "Finding", "Severity", "check_capture"]
