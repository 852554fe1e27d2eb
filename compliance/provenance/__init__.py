"""Provenance: C2PA manifests and the GB 45438 ``AIGC`` label, written, signed, time-stamped and read back."""
