"""Is this recording fit to become an avatar? `check_capture` answers with reasons, codes and seconds."""

# `check_capture` lies in `avatars.capture.check`: it loads the face library, which a page that shows a report must not.
from avatars.capture.report import TEXTS, CaptureLimits, CaptureReport, Finding, Severity

__all__ = ["TEXTS", "CaptureLimits", "CaptureReport", "Finding", "Severity"]
