"""What the container tells before a single picture is decoded: kind, length, size, rate, colour, timing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import ColorTrc
from av.video.stream import VideoStream

from avatars.capture.report import CaptureLimits, Finding, Unfit, error, warning
from avatars.media import MediaError, open_media, target_rate

VIDEO_CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg", "prores"})
_HDR = {int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)}  # PQ and HLG, Rec. ITU-R BT.2100

# A phone's clock jitters by a few milliseconds; beyond a quarter of a frame motion begins to judder.
_JITTER_SHARE = 0.25
_WORST_GAP_S = 0.5


@dataclass(frozen=True)
class Timing:
    """When the coded pictures are shown, from the packets; the worst gap and where it is."""

    frames: int
    duration_s: float
    rate: float
    jitter_share: float
    gap_s: float
    gap_at_s: float


def check_container(path: Path, limits: CaptureLimits) -> tuple[list[Finding], dict[str, Any]]:
    """Check the file from its header and packet index.

    Raises:
        Unfit: with the first reason for which the file must not be decoded.
    """
    if path.is_file() and path.stat().st_size > limits.max_bytes:
        raise Unfit(error("file_too_big", limit=limits.max_bytes >> 20))
    try:
        with open_media(path) as container:
            video = _check_header(container, limits)
            timing = _timing(container, video, limits)
            facts = _facts(container, video, timing)
            declared = float(container.duration or 0) / av.time_base
    except MediaError as failure:
        raise Unfit(error(failure.code)) from failure
    except av.FFmpegError as failure:
        raise Unfit(error("truncated")) from failure
    return _check_timing(timing, declared, limits), facts


def _check_header(container: InputContainer, limits: CaptureLimits) -> VideoStream:
    if not container.streams.video:
        raise Unfit(error("audio_only" if container.streams.audio else "not_a_video"))
    video = container.streams.video[0]
    _check_length(float(container.duration or 0) / av.time_base, limits)
    if video.duration and video.time_base:
        _check_length(float(video.duration * video.time_base), limits)
    _check_picture(video, limits)
    if video.codec_context.name not in VIDEO_CODECS:
        raise Unfit(error("codec_unsupported", codec=video.codec_context.name))
    if not container.streams.audio:
        raise Unfit(error("no_audio"))
    return video


def _check_length(seconds: float, limits: CaptureLimits) -> None:
    if seconds > limits.max_s:
        raise Unfit(error("too_long", at_s=limits.max_s, limit=round(limits.max_s)))
    if 0 < seconds < limits.min_s:
        raise Unfit(error("too_short", seconds=round(seconds, 1), limit=round(limits.min_s)))


def _check_picture(video: VideoStream, limits: CaptureLimits) -> None:
    width, height = video.codec_context.width, video.codec_context.height
    if width <= 0 or height <= 0:
        raise Unfit(error("no_picture_size"))
    if max(width, height) > limits.max_long_side or min(width, height) > limits.max_short_side:
        raise Unfit(error("picture_too_large", width=width, height=height))
    if min(width, height) < limits.min_short_side:
        raise Unfit(error("picture_too_small", width=width, height=height))
    if video.codec_context.color_trc in _HDR:
        raise Unfit(error("hdr"))
    if video.average_rate and video.average_rate > limits.max_rate:
        raise Unfit(error("frame_rate_high", rate=round(float(video.average_rate))))


def _timing(container: InputContainer, video: VideoStream, limits: CaptureLimits) -> Timing:
    """Read every packet without decoding; stops with a refusal as soon as a limit is passed."""
    most = int(limits.max_s * limits.max_rate)
    seconds: list[float] = []
    first: float | None = None
    for packet in container.demux(video):
        if packet.pts is None or packet.size == 0:
            continue
        if packet.is_corrupt:
            raise Unfit(error("truncated", at_s=seconds[-1] if seconds else 0.0))
        now = float(packet.pts * packet.time_base)
        first = now if first is None else min(first, now)
        seconds.append(now - first)
        if seconds[-1] > limits.max_s:
            raise Unfit(error("too_long", at_s=limits.max_s, limit=round(limits.max_s)))
        if len(seconds) > most:
            raise Unfit(error("too_many_frames", at_s=seconds[-1]))
    return _summary(seconds)


def _summary(seconds: list[float]) -> Timing:
    if len(seconds) < 3:
        raise Unfit(error("truncated"))
    shown = np.sort(np.asarray(seconds))
    gaps = np.diff(shown)
    usual = float(np.median(gaps))
    if usual <= 0:
        raise Unfit(error("too_many_frames", at_s=0.0))
    worst = int(np.argmax(gaps))
    return Timing(
        frames=len(shown),
        duration_s=float(shown[-1] - shown[0]) + usual,
        rate=(len(shown) - 1) / float(shown[-1] - shown[0]),
        jitter_share=float(np.mean(np.abs(gaps - usual) > _JITTER_SHARE * usual)),
        gap_s=float(gaps[worst]),
        gap_at_s=float(shown[worst] - shown[0]),
    )


def _check_timing(timing: Timing, declared_s: float, limits: CaptureLimits) -> list[Finding]:
    if timing.duration_s < declared_s - max(1.0, 0.05 * declared_s):
        raise Unfit(error("truncated", at_s=timing.duration_s))
    _check_length(timing.duration_s, limits)
    if timing.gap_s > _WORST_GAP_S:
        raise Unfit(error("frame_rate_irregular", at_s=timing.gap_at_s, gap=round(timing.gap_s, 2)))
    if timing.rate < limits.min_rate:
        raise Unfit(error("frame_rate_low", rate=round(timing.rate, 1), limit=round(limits.min_rate)))
    if timing.jitter_share > 0.01 or timing.gap_s > 2.5 / timing.rate:
        return [warning("frame_rate_variable", at_s=timing.gap_at_s, rate=target_rate(timing.rate))]
    return []


def _facts(container: InputContainer, video: VideoStream, timing: Timing) -> dict[str, Any]:
    sound = container.streams.audio[0]
    return {
        "container": container.format.name,
        "codec": video.codec_context.name,
        "width": video.codec_context.width,
        "height": video.codec_context.height,
        "duration_s": round(timing.duration_s, 3),
        "frames": timing.frames,
        "rate": round(timing.rate, 3),
        "constant_rate": target_rate(timing.rate),
        "audio_codec": sound.codec_context.name,
        "audio_rate": sound.codec_context.sample_rate,
    }
