"""The AIGC label in files: exactly one copy, nothing else touched, and every way it can be wrong."""

from __future__ import annotations

import base64
import io
import json
import wave
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from compliance.provenance import aigc, bmff
from compliance.provenance.aigc import metadata
from compliance.provenance.aigc.metadata import join
from compliance.provenance.errors import AigcInvalid, AigcNotWritten, ContainerInvalid
from compliance.provenance.selectors import read_aigc
from compliance.provenance.sign import SignedFile
from tests.provenance.test_aigc_label import CODE, EXACT, PRODUCE_ID

OTHER = EXACT.replace(PRODUCE_ID, "another-item")


def packets(path: Path) -> list[tuple[int, int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(one.stream_index, one.pts, one.dts, bytes(one)) for one in container.demux()]


def remux(source: Path, target: Path, tags: dict[str, str], flags: str) -> Path:
    """``source`` through FFmpeg's own muxer with ``tags``."""
    options = {"movflags": flags} if flags else {}
    with av.open(str(source)) as reading, av.open(str(target), "w", options=options) as writing:
        writing.metadata.update(tags)
        streams = {one.index: writing.add_stream_from_template(one) for one in reading.streams}
        for packet in reading.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                writing.mux(packet)
    return target


def add_to_moov(source: Path, target: Path, child: bytes) -> Path:
    """``source``, whose index lies last, with one more box in its movie box."""
    with source.open("rb") as file:
        moov = bmff.top_level(file)[-1]
    assert moov.kind == b"moov"
    data = source.read_bytes()
    target.write_bytes(data[: moov.start] + join(b"moov", data[moov.payload : moov.end] + child))
    return target


@pytest.fixture(scope="session")
def index_last(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return remux(clip, tmp_path_factory.mktemp("aigc") / "index-last.mp4", {}, "")


@pytest.fixture(scope="session")
def marked(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("aigc") / "marked.mp4"
    aigc.write(clip, target, EXACT)
    return target


def test_a_marked_video_carries_one_valid_label(marked: Path) -> None:
    reading = aigc.read(marked)
    assert [copy.text for copy in reading.labels] == [EXACT]
    assert reading.problems == ()
    assert reading.label and reading.label.content_producer == CODE


def test_ffmpeg_finds_the_label_too(marked: Path) -> None:
    with av.open(str(marked)) as container:
        assert container.metadata["AIGC"] == EXACT
        assert container.metadata["encoder"].startswith("Lavf"), "what was there before is kept"


@pytest.mark.parametrize("flags", ["", "+faststart", "+use_metadata_tags", "+faststart+use_metadata_tags"])
def test_not_one_packet_changes(clip: Path, tmp_path: Path, flags: str) -> None:
    source = remux(clip, tmp_path / "source.mp4", {"title": "Tea", "comment": "茶"}, flags)
    aigc.write(source, tmp_path / "marked.mp4", EXACT)
    assert packets(tmp_path / "marked.mp4") == packets(source)
    with av.open(str(tmp_path / "marked.mp4")) as container:
        assert (container.metadata["title"], container.metadata["comment"]) == ("Tea", "茶")


def test_marking_again_replaces_the_label(marked: Path, tmp_path: Path) -> None:
    aigc.write(marked, tmp_path / "again.mp4", OTHER)
    assert [copy.text for copy in aigc.read(tmp_path / "again.mp4").labels] == [OTHER]
    assert packets(tmp_path / "again.mp4") == packets(marked)


def test_a_label_written_by_ffmpeg_is_read_and_replaced(clip: Path, tmp_path: Path) -> None:
    theirs = remux(clip, tmp_path / "theirs.mp4", {"AIGC": OTHER}, "use_metadata_tags")
    assert aigc.read(theirs).problems == ()
    aigc.write(theirs, tmp_path / "ours.mp4", EXACT)
    assert [copy.text for copy in aigc.read(tmp_path / "ours.mp4").labels] == [EXACT]


def test_trap_ffmpeg_without_the_flag_writes_nothing_and_says_nothing(clip: Path, tmp_path: Path) -> None:
    theirs = remux(clip, tmp_path / "theirs.mp4", {"AIGC": EXACT}, "")
    assert aigc.read(theirs).problems == ("aigc_absent",)


def test_a_mov_can_be_marked(clip: Path, tmp_path: Path) -> None:
    source = remux(clip, tmp_path / "take.mov", {}, "")
    aigc.write(source, tmp_path / "marked.mov", EXACT)
    assert aigc.read(tmp_path / "marked.mov").label is not None
    assert packets(tmp_path / "marked.mov") == packets(source)


def second(text: str, name: bytes = b"AIGC") -> bytes:
    return join(b"meta", metadata.Meta().with_text(name, text).payload())


@pytest.mark.parametrize(
    ("text", "problem"), [(EXACT, "aigc_twice"), (OTHER, "aigc_conflict")], ids=["same", "different"]
)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: join(b"udta", second(text)),
        lambda text: second(text),
        lambda text: join(b"udta", second(text, b"aigc")),
        lambda text: join(b"udta", join(b"AIGC", text.encode())),
        lambda text: join(b"trak", join(b"udta", second(text))),
    ],
    ids=["second udta", "beside udta", "lower case", "plain box", "in a track"],
)
def test_attack_second_copy_hidden_elsewhere(
    index_last: Path, tmp_path: Path, wrap: object, text: str, problem: str
) -> None:
    aigc.write(index_last, tmp_path / "marked.mp4", EXACT)
    twice = add_to_moov(tmp_path / "marked.mp4", tmp_path / "twice.mp4", wrap(text))  # type: ignore[operator]
    reading = aigc.read(twice)
    assert problem in reading.problems
    assert len(reading.labels) == 2
    assert reading.label is None


def test_copies_in_several_places_become_one(index_last: Path, tmp_path: Path) -> None:
    messy = add_to_moov(index_last, tmp_path / "a.mp4", join(b"udta", second(OTHER)) + second(OTHER))
    aigc.write(messy, tmp_path / "clean.mp4", EXACT)
    assert aigc.read(tmp_path / "clean.mp4").label is not None
    assert packets(tmp_path / "clean.mp4") == packets(index_last)


def test_a_copy_we_cannot_remove_stops_the_file(index_last: Path, tmp_path: Path) -> None:
    messy = add_to_moov(index_last, tmp_path / "a.mp4", join(b"trak", join(b"udta", second(OTHER))))
    with pytest.raises(AigcNotWritten) as refusal:
        aigc.write(messy, tmp_path / "out.mp4", EXACT)
    assert refusal.value.code == "aigc_verify_after_write"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (base64.b64encode(EXACT.encode()).decode(), "aigc_base64"),
        (EXACT.replace(CODE, "某某科技有限公司"), "aigc_charset"),
        (EXACT.replace('"Label":"1"', '"Label":"4"'), "aigc_label_value"),
    ],
    ids=["base64", "company name in Chinese", "label 4"],
)
def test_a_wrong_label_is_neither_written_nor_believed(
    clip: Path, index_last: Path, tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(AigcInvalid):
        aigc.write(clip, tmp_path / "out.mp4", text)
    assert list(tmp_path.iterdir()) == []
    theirs = add_to_moov(index_last, tmp_path / "theirs.mp4", join(b"udta", second(text)))
    reading = aigc.read(theirs)
    assert problem in reading.problems
    assert reading.label is None


def test_a_signed_file_is_not_marked_afterwards(signed: tuple[Path, SignedFile], tmp_path: Path) -> None:
    with pytest.raises(ContainerInvalid) as refusal:
        aigc.write(signed[0], tmp_path / "out.mp4", EXACT)
    assert refusal.value.code == "container_already_signed"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_video_is_a_reading_not_an_error(
    marked: Path, tmp_path: Path, position: float, value: int, cut: bool
) -> None:
    data = bytearray(marked.read_bytes())
    at = int(position * len(data))
    data[at] = value
    (tmp_path / "bad.mp4").write_bytes(data[:at] if cut else data)
    reading = aigc.read(tmp_path / "bad.mp4")
    assert reading.label is None or reading.labels[0].text == reading.label.to_json()


def test_a_million_boxes_end_the_reading(tmp_path: Path) -> None:
    (tmp_path / "bomb.mp4").write_bytes(join(b"ftyp", b"isom") + join(b"free", b"") * 120_000)
    assert "container_too_many_boxes" in aigc.read(tmp_path / "bomb.mp4").problems


def test_attack_boxes_nested_deeper_than_any_stack(tmp_path: Path) -> None:
    nested = b""
    for _ in range(3000):
        nested = join(b"trak", nested)
    (tmp_path / "deep.mp4").write_bytes(join(b"ftyp", b"isom") + join(b"moov", nested) + join(b"mdat", b"x"))
    with pytest.raises(ContainerInvalid):
        aigc.write(tmp_path / "deep.mp4", tmp_path / "out.mp4", EXACT)
    assert aigc.read(tmp_path / "deep.mp4").problems == ("aigc_absent",)


def test_the_sandboxed_reader_gives_the_same_reading(marked: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(marked.read_bytes()[:-9])
    for path in (marked, cut):
        assert read_aigc(path) == aigc.read(path)


def make_wav(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(range(256)) * 8)
    return path


def test_a_wav_is_marked_and_its_samples_kept(tmp_path: Path) -> None:
    source = make_wav(tmp_path / "speech.wav")
    aigc.write(source, tmp_path / "marked.wav", EXACT)
    aigc.write(tmp_path / "marked.wav", tmp_path / "again.wav", OTHER)
    assert [copy.text for copy in aigc.read(tmp_path / "again.wav").labels] == [OTHER]
    with wave.open(str(source)) as before, wave.open(str(tmp_path / "again.wav")) as after:
        assert before.readframes(10_000) == after.readframes(10_000)


def test_a_second_wav_chunk_is_found(tmp_path: Path) -> None:
    aigc.write(make_wav(tmp_path / "speech.wav"), tmp_path / "marked.wav", EXACT)
    data = (tmp_path / "marked.wav").read_bytes()
    chunk = data[data.index(b"AIGC") :]
    (tmp_path / "twice.wav").write_bytes(data + chunk)
    assert aigc.read(tmp_path / "twice.wav").problems == ("aigc_twice",)


def picture(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((64, 48), 40).convert("RGB").save(out, kind, **options)  # type: ignore[arg-type]
    return out.getvalue()


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" rdf:about="" dc:format="image/x"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def with_xmp(kind: str) -> bytes:
    if kind == "JPEG":
        return picture(kind, xmp=XMP)
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    return picture(kind, pnginfo=info)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("existing", [False, True], ids=["no XMP", "with XMP"])
def test_a_picture_is_marked_and_all_else_kept(tmp_path: Path, kind: str, existing: bool) -> None:
    source, marked, again = (tmp_path / f"{name}.{kind.lower()}" for name in ("source", "marked", "again"))
    source.write_bytes(with_xmp(kind) if existing else picture(kind))
    aigc.write(source, marked, EXACT)
    aigc.write(marked, again, OTHER)
    assert [copy.text for copy in aigc.read(again).labels] == [OTHER]
    assert Image.open(again).tobytes() == Image.open(source).tobytes()
    assert (b"image/x" in again.read_bytes()) == existing


def test_attack_entity_bomb_in_a_packet(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + XMP
    (tmp_path / "bomb.jpg").write_bytes(picture("JPEG", xmp=bomb))
    assert aigc.read(tmp_path / "bomb.jpg").problems == ("aigc_absent",)
    with pytest.raises(ContainerInvalid):
        aigc.write(tmp_path / "bomb.jpg", tmp_path / "out.jpg", EXACT)


@pytest.mark.parametrize("name", ["speech.wav", "picture.png", "picture.jpg"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.booleans())
def test_any_damaged_file_is_a_reading_not_an_error(
    tmp_path: Path, name: str, position: float, value: int, cut: bool
) -> None:
    source = tmp_path / name
    if not source.exists():
        plain = {
            "wav": lambda: make_wav(tmp_path / "plain").read_bytes(),
            "png": lambda: picture("PNG"),
            "jpg": lambda: picture("JPEG"),
        }[name[-3:]]
        (tmp_path / "unmarked").write_bytes(plain())
        aigc.write(tmp_path / "unmarked", source, EXACT)
    data = bytearray(source.read_bytes())
    at = int(position * len(data))
    data[at] = value
    (tmp_path / "bad").write_bytes(data[:at] if cut else data)
    assert isinstance(aigc.read(tmp_path / "bad").problems, tuple)


def test_a_packet_that_does_not_unpack_is_named(tmp_path: Path) -> None:
    info = PngInfo()
    info.add(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0not deflate")
    (tmp_path / "bad.png").write_bytes(picture("PNG", pnginfo=info))
    assert "xmp_damaged" in aigc.read(tmp_path / "bad.png").problems
    with pytest.raises(ContainerInvalid):
        aigc.write(tmp_path / "bad.png", tmp_path / "out.png", EXACT)


def test_other_files_are_not_marked(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(json.dumps({"AIGC": EXACT}))
    assert aigc.read(tmp_path / "notes.txt").problems == ("container_unknown",)
    with pytest.raises(ContainerInvalid):
        aigc.write(tmp_path / "notes.txt", tmp_path / "out.txt", EXACT)
