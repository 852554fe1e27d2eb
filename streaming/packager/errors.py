"""What the media plant refuses, and what it cannot do for now."""

from __future__ import annotations

from compliance.errors import BadInput, Refused, Unavailable


class MediaRefused(BadInput):
    """A setting, frame or sound that cannot be packaged.

    Codes: stream_spec_invalid, picture_shape, samples_mismatch, encoder_unavailable, slate_invalid, package_finished,
    segment_unreadable.
    """


class PlaylistRefused(Refused):
    """A line that would break the playlist's promises. Codes: segment_out_of_order, segment_too_long,
    init_missing, playlist_ended, playlist_state_invalid, playlist_rule."""


class StoreUnavailable(Unavailable):
    """Segments cannot be kept for now. Codes: disk_full, store_failed."""
