"""The two encoders of a room: frames and samples in, coded frames with exact times out.

One thread each: on a busy machine two are slower, and the bytes stay the same from run to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from streaming.packager.boxes import AudioTrack, Sample, VideoTrack
from streaming.packager.errors import MediaRefused
from streaming.packager.spec import AAC_FRAME, VIDEO_TIMESCALE, Rendition, StreamSpec

_SPS, _PPS = 7, 8
_SLICES = range(1, 6)  # NAL unit types of coded slices (ITU-T H.264, table 7-1)
_HIGH_PROFILES = {100, 110, 122, 244}


def nal_units(stream: bytes) -> Iterator[bytes]:
    """The NAL units of an Annex B byte stream, without start codes (ITU-T H.264, B.1)."""
    start = stream.find(b"\0\0\1")
    while start >= 0:
        start += 3
        end = stream.find(b"\0\0\1", start)
        unit = stream[start:] if end < 0 else stream[start:end]
        if unit := unit.rstrip(b"\0"):
            yield unit
        start = end


def avc_configuration(extradata: bytes) -> bytes:
    """AVCDecoderConfigurationRecord from an encoder's parameter sets (ISO/IEC 14496-15, 5.3.3.1).

    The picture is always 4:2:0 with eight bits.
    """
    units = list(nal_units(extradata))
    sps = next(unit for unit in units if unit[0] & 31 == _SPS)
    pps = next(unit for unit in units if unit[0] & 31 == _PPS)
    head = bytes((1, *sps[1:4], 0xFF, 0xE1))
    record = head + len(sps).to_bytes(2, "big") + sps + b"\x01" + len(pps).to_bytes(2, "big") + pps
    return record + (b"\xfd\xf8\xf8\0" if sps[1] in _HIGH_PROFILES else b"")


def _x264(spec: StreamSpec, rendition: Rendition) -> dict[str, str]:
    return {
        "preset": spec.preset,
        "tune": "zerolatency",
        "crf": str(spec.crf),
        "maxrate": str(rendition.bitrate),
        "bufsize": str(spec.buffer_bits(rendition)),
        "forced-idr": "1",
        # key frames come where segments begin and nowhere else
        "g": "100000",
        "sc_threshold": "0",
        "bf": "0",
        "threads": "1",
    }


_OPTIONS: dict[str, Callable[[StreamSpec, Rendition], dict[str, str]]] = {"libx264": _x264}


class VideoEncoder:
    """H.264 without reordering: one coded frame comes out for each that goes in.

    Raises:
        MediaRefused: encoder_unavailable.
    """

    def __init__(self, spec: StreamSpec, rendition: Rendition) -> None:
        self.width, self.height = rendition.width, rendition.height
        if spec.codec not in _OPTIONS:
            known = ", ".join(_OPTIONS)
            raise MediaRefused("encoder_unavailable", f"The encoder {spec.codec!r} is not one of {known}.")
        try:
            context = cast(VideoCodecContext, CodecContext.create(spec.codec, "w"))
            context.width, context.height, context.pix_fmt = self.width, self.height, "yuv420p"
            context.time_base, context.framerate = Fraction(1, VIDEO_TIMESCALE), Fraction(spec.fps)
            context.colorspace = context.color_primaries = context.color_trc = context.color_range = 1
            context.options = _OPTIONS[spec.codec](spec, rendition)
            context.flags |= Flags.global_header
            context.open()
        except (av.FFmpegError, ValueError) as error:
            text = f"The encoder {spec.codec!r} could not be started; is this FFmpeg built with it?"
            raise MediaRefused("encoder_unavailable", text) from error
        self._context = context
        self._scaler = VideoReformatter()
        self.avcc = avc_configuration(bytes(context.extradata or b""))

    @property
    def track(self) -> VideoTrack:
        return VideoTrack(VIDEO_TIMESCALE, self.width, self.height, self.avcc)

    @property
    def codec_string(self) -> str:
        """RFC 6381, 3.3: profile, constraints and level as the SPS states them."""
        return f"avc1.{self.avcc[1:4].hex()}"

    def encode(self, frame: av.VideoFrame, *, time: int, duration: int, key: bool) -> Sample:
        """Encode one frame, scaled where its size differs. `time` and `duration` in ticks of 1/90,000 s."""
        picture = frame
        if (frame.width, frame.height) != (self.width, self.height):
            picture = self._scaler.reformat(
                frame, width=self.width, height=self.height, interpolation=Interpolation.AREA, threads=1
            )
        # both: a decoded frame keeps its own time base and picture type, and the encoder would obey them
        picture.time_base, picture.pts = Fraction(1, VIDEO_TIMESCALE), time
        picture.pict_type = PictureType.I if key else PictureType.NONE
        coded = self._context.encode(picture)
        data = b"".join(
            len(unit).to_bytes(4, "big") + unit
            for packet in coded
            for unit in nal_units(bytes(packet))
            if unit[0] & 31 in _SLICES
        )
        return Sample(time, duration, key, data)


class AudioEncoder:
    """AAC-LC. Frame n of 1,024 samples comes out once frame n + 2 went in.

    The encoder's priming (one frame before time 0) is not stored: the track starts at time 0 with the samples that
    belong there, so that no player needs to understand an edit list to be in time.

    Raises:
        MediaRefused: encoder_unavailable.
    """

    def __init__(self, spec: StreamSpec) -> None:
        self._rate, self._channels, self._bitrate = spec.sample_rate, spec.channels, spec.audio_bitrate
        self._layout = "mono" if spec.channels == 1 else "stereo"
        try:
            context = CodecContext.create("aac", "w")
            context.sample_rate, context.layout, context.format = self._rate, self._layout, "fltp"
            context.time_base, context.bit_rate = Fraction(1, self._rate), self._bitrate
            context.flags |= Flags.global_header
            context.open()
        except (av.FFmpegError, ValueError) as error:
            text = "The AAC encoder could not be started; is this FFmpeg built with it?"
            raise MediaRefused("encoder_unavailable", text) from error
        self._context = context
        self._waiting: NDArray[np.float32] = np.zeros((spec.channels, 0), np.float32)
        self._taken = 0

    @property
    def track(self) -> AudioTrack:
        return AudioTrack(self._rate, self._channels, self._bitrate, bytes(self._context.extradata or b""))

    codec_string = "mp4a.40.2"

    def encode(self, samples: NDArray[np.float32]) -> list[Sample]:
        """Take float32 [channels, n] in -1..1 and return the frames that became complete."""
        self._waiting = np.concatenate([self._waiting, samples], axis=1)
        frames: list[Sample] = []
        while self._waiting.shape[1] >= AAC_FRAME:
            frames += self._encode(self._waiting[:, :AAC_FRAME])
            self._waiting = self._waiting[:, AAC_FRAME:]
        return frames

    def finish(self) -> list[Sample]:
        """The frames still inside; the last is filled up with silence."""
        rest = AAC_FRAME - self._waiting.shape[1]
        frames = self._encode(np.pad(self._waiting, ((0, 0), (0, rest)))) if self._waiting.shape[1] else []
        return frames + self._samples(self._context.encode(None))

    def _encode(self, samples: NDArray[np.float32]) -> list[Sample]:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._taken, Fraction(1, self._rate)
        self._taken += AAC_FRAME
        return self._samples(self._context.encode(frame))

    @staticmethod
    def _samples(packets: Sequence[av.Packet[AudioStream]]) -> list[Sample]:
        return [
            Sample(packet.pts, AAC_FRAME, True, bytes(packet))
            for packet in packets
            if packet.pts is not None and packet.pts >= 0
        ]
