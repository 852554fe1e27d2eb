"""The built-in voice through its public surface: timing, sound, refusals."""

from __future__ import annotations

import subprocess
import sys
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, lfilter, sosfiltfilt

from avatars.speech import (
    INVENTORY,
    EmptyText,
    Speech,
    SpeechError,
    TextTooLong,
    UnspeakableText,
    UnsupportedLanguage,
    Voice,
    VoiceOutOfRange,
    estimate_duration_s,
    mouth_shape,
    mouth_track,
    speak,
)
from avatars.speech.normalise import tokenise

ZH = "大家好，欢迎来到直播间。今天这款保温杯原价¥299，现在只要199元！"
EN = "Hello everyone. This bottle keeps water hot for 24h, and it costs $19.99!"
MIXED = "这个 iPhone 15 的电池 have you seen it? 很好。"

TEXTS = st.text(
    alphabet="你好我买不一二三啊是的吃杯abcdeghimnoprstuyzAIQX 0123456789.,:!?%¥$-/'，。？、（）\n",
    max_size=40,
)


def assert_contiguous(speech: Speech) -> None:
    assert speech.phones[0].start_s == 0.0
    for first, second in zip(speech.phones, speech.phones[1:], strict=False):
        assert first.end_s == second.start_s
        assert first.end_s > first.start_s
    assert speech.phones[-1].end_s == pytest.approx(len(speech.samples) / speech.rate, abs=1e-6)


def level(speech: Speech, start_s: float, end_s: float) -> float:
    part = speech.samples[round(start_s * speech.rate) : round(end_s * speech.rate)]
    return float(np.sqrt(np.mean(part.astype(np.float64) ** 2)))


def formants(speech: Speech, symbol: str) -> tuple[float, float]:
    """F1 and F2 of the middle of the first `symbol`, by linear prediction of the sound itself."""
    phone = next(one for one in speech.phones if one.symbol == symbol)
    middle = (phone.start_s + phone.end_s) / 2
    part = speech.samples[round((middle - 0.02) * speech.rate) : round((middle + 0.02) * speech.rate)]
    signal = lfilter([1, -0.95], [1], part.astype(np.float64)) * np.hamming(len(part))
    order = 26
    lags = np.correlate(signal, signal, "full")[len(signal) - 1 : len(signal) + order]
    matrix = np.array([[lags[abs(i - j)] for j in range(order)] for i in range(order)])
    roots = np.roots([1, *-np.linalg.solve(matrix + np.eye(order) * lags[0] * 1e-9, lags[1:])])
    hertz = np.angle(roots) * speech.rate / (2 * np.pi)
    width = -np.log(np.abs(roots)) * speech.rate / np.pi
    found = sorted(hertz[(hertz > 150) & (width < 500)])
    return found[0], found[1]


@pytest.fixture(scope="module", params=[(ZH, "zh"), (EN, "en"), (MIXED, "zh"), (MIXED, "en")])
def speech(request: pytest.FixtureRequest) -> Speech:
    return speak(*request.param)


def test_phones_are_contiguous_and_cover_the_samples(speech: Speech) -> None:
    assert_contiguous(speech)


def test_words_are_in_order_and_spell_the_text(speech: Speech) -> None:
    for first, second in zip(speech.words, speech.words[1:], strict=False):
        assert first.start_s < first.end_s <= second.start_s
    written = "".join(word.text for word in speech.words)
    assert [char for char in speech.text if char.isalpha()] == [char for char in written if char.isalpha()]


def test_samples_are_safe_to_play(speech: Speech) -> None:
    assert speech.samples.dtype == np.float32
    assert speech.samples.ndim == 1
    assert np.abs(speech.samples).max() <= 0.9
    assert np.isfinite(speech.samples).all()
    rms_db = 20 * np.log10(level(speech, 0, speech.duration_s))
    assert -22 < rms_db < -16


def test_no_click_at_a_pause(speech: Speech) -> None:
    """Sound fades into silence: at a pause's middle nothing is left, at its edges no step."""
    for phone in speech.phones:
        if phone.symbol == "sil":
            middle = (phone.start_s + phone.end_s) / 2
            assert level(speech, middle, phone.end_s - 0.02) < 0.003
            at = round(phone.end_s * speech.rate)
            if at < len(speech.samples):
                assert np.abs(np.diff(speech.samples[at - 240 : at])).max() < 0.05


def test_words_sound_and_pauses_do_not(speech: Speech) -> None:
    for word in speech.words:
        assert level(speech, word.start_s, word.end_s) > 0.02, word


def test_the_same_text_gives_the_same_samples() -> None:
    first, second = speak(EN, "en"), speak(EN, "en")
    assert np.array_equal(first.samples, second.samples)
    assert first.phones == second.phones


@pytest.mark.parametrize(("text", "language", "symbol"), [("爸爸怕妈妈。", "zh", "p"), ("The happy puppy.", "en", "p")])
def test_lips_closed_means_silence_for_p(text: str, language: str, symbol: str) -> None:
    speech = speak(text, language)
    for phone in speech.phones:
        if phone.symbol == symbol:
            assert level(speech, phone.start_s + 0.02, phone.start_s + 0.035) < 0.03


def test_lips_meet_for_p_b_m_only() -> None:
    assert {symbol for symbol in INVENTORY if mouth_shape(symbol).closed} == {"p", "b", "m", "sil"}
    for symbol in INVENTORY:
        shape = mouth_shape(symbol)
        assert 0 <= shape.opening <= 1
        assert -1 <= shape.width <= 1
        assert not (shape.closed and shape.opening > 0)


def test_mouth_track_closes_for_lips_and_opens_for_a() -> None:
    speech = speak("妈妈爸爸怕怕。", "zh")
    frames = int(speech.duration_s * 100)
    track = mouth_track(speech.phones, 100.0, frames)
    for phone in speech.phones:
        at = int((phone.start_s + phone.end_s) / 2 * 100)
        if mouth_shape(phone.symbol).closed:
            assert track.opening[at] < 0.02, phone
        elif phone.symbol == "a":
            assert track.opening[at] > 0.5, phone
    assert track.opening.min() >= 0
    assert track.opening.max() <= 1
    assert np.abs(track.width).max() <= 1


def test_vowels_are_apart() -> None:
    speech = speak("啊。一。屋。", "zh")
    (a1, a2), (i1, i2), (u1, u2) = (formants(speech, symbol) for symbol in ("a", "iy", "uu"))
    assert a1 > 650
    assert i1 < 420
    assert u1 < 450
    assert i2 > 1900 > a2 > 1000 > u2


def test_tones_differ_in_pitch() -> None:
    """The high level tone stays up where the falling tone comes down (ma1 against ma4)."""

    def pitch(speech: Speech, share: float) -> float:
        phone = next(one for one in speech.phones if one.symbol == "a")
        at = phone.start_s + share * (phone.end_s - phone.start_s)
        low_pass = butter(4, 320, fs=speech.rate, output="sos")
        hum = sosfiltfilt(low_pass, speech.samples.astype(np.float64))
        part = hum[round((at - 0.02) * speech.rate) : round((at + 0.02) * speech.rate)]
        autocorrelation = np.correlate(part, part, "full")[len(part) :]
        low, high = speech.rate // 320, speech.rate // 65
        return speech.rate / (low + 1 + int(np.argmax(autocorrelation[low:high])))

    level_tone, falling = speak("妈妈好。", "zh"), speak("骂人。", "zh")
    assert pitch(falling, 0.75) < 0.85 * pitch(falling, 0.3)
    assert pitch(level_tone, 0.75) > 0.9 * pitch(level_tone, 0.3)


def test_third_tones_and_bu_change_before_others() -> None:
    from avatars.speech.mandarin import read_hanzi, words_of

    def tones(text: str) -> list[int]:
        return [syllable.tone for syllable in read_hanzi(words_of(text))]

    assert tones("你好") == [2, 3]
    assert tones("展览馆") == [2, 2, 3]
    assert tones("不是") == [2, 4]
    assert tones("不好") == [4, 3]
    assert tones("一个")[0] == 2
    assert tones("一千") == [4, 1]
    assert tones("第一") == [4, 1]
    assert tones("二零一九年")[2] == 1


@pytest.mark.parametrize(
    ("text", "language", "spoken"),
    [
        ("¥199", "zh", "一百九十九元"),
        ("199元", "zh", "一百九十九元"),
        ("3.5%", "zh", "百分之三点五"),
        ("24h", "zh", "二十四小时"),
        ("2个", "zh", "两个"),
        ("2026年", "zh", "二零二六年"),
        ("8:05", "zh", "八点零五分"),
        ("10-20元", "zh", "十到二十元"),
        ("$20", "en", "twenty dollars"),
        ("$1.05", "en", "one dollar five"),
        ("24h", "en", "twenty four hours"),
        ("3.5%", "en", "three point five percent"),
        ("¥199", "en", "one hundred ninety nine yuan"),
        ("22nd", "en", "twenty second"),
        ("1,299", "en", "one thousand two hundred ninety nine"),
    ],
)
def test_figures_are_read_aloud(text: str, language: str, spoken: str) -> None:
    from avatars.speech.normalise import tokenise

    separator = "" if language == "zh" else " "
    assert separator.join(token.spoken for token in tokenise(text, language)) == spoken


def test_a_question_rises_and_a_statement_falls() -> None:
    from avatars.speech.prosody import plan
    from avatars.speech.script import read_script

    def ending(text: str) -> float:
        track = plan(read_script(text, "en"), Voice()).pitch
        return float(track[-48])

    assert ending("You like it?") > 3 + ending("You like it.")
    assert ending("What is the price?") < 0


def test_voice_settings_are_heard() -> None:
    slow, fast = speak(EN, "en", Voice(rate=0.7)), speak(EN, "en", Voice(rate=1.4))
    assert slow.duration_s > 1.6 * fast.duration_s
    man, woman = speak("啊。", "zh", Voice(formant_scale=0.9)), speak("啊。", "zh", Voice(formant_scale=1.2))
    assert formants(woman, "a")[0] > 1.15 * formants(man, "a")[0]


@pytest.mark.parametrize(("text", "language"), [(ZH, "zh"), (EN, "en")])
def test_the_estimate_is_the_duration(text: str, language: str) -> None:
    assert estimate_duration_s(text, language) == pytest.approx(speak(text, language).duration_s, abs=1e-6)


@pytest.mark.parametrize("text", ["", "   \n", "。，！？", "(...)", "“”"])
def test_nothing_to_say_is_refused(text: str) -> None:
    with pytest.raises(EmptyText) as refusal:
        speak(text, "zh")
    assert refusal.value.code == "text_empty"


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnsupportedLanguage, match="zh, en"):
        speak("Bonjour", "fr")


def test_unspeakable_characters_are_listed_not_dropped() -> None:
    with pytest.raises(UnspeakableText) as refusal:
        speak("你好😀 привет", "zh")
    assert refusal.value.details["characters"][:2] == ("😀", "п")
    assert "U+1F600" in refusal.value.text


def test_a_refusal_names_the_lines() -> None:
    with pytest.raises(UnspeakableText) as refusal:
        speak("第一行。\r\n今天只要¥199 🎉\nthird line\n好 👍", "zh")
    assert refusal.value.details["lines"] == (2, 4)
    assert "in line 2, 4" in refusal.value.text


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("Visit https://www.shop24.com/new-sale/ now.", "en", "www dot shop two four dot com slash new dash sale"),
        ("Write to help@avow.cn please.", "en", "help at avow dot cn"),
        ("请看 www.shop.cn/a1 吧。", "zh", "www 点 shop 点 cn 斜杠 a 一"),
        ("It is ready.Go now.", "en", None),
    ],
)
def test_addresses_are_dictated(text: str, language: str, words: str | None) -> None:
    tokens = [one for one in tokenise(text, language) if "." in one.written and len(one.written) > 1]
    if words is None:
        assert tokens == []
    else:
        spoken = [one.spoken for one in tokenise(text, language)]
        assert words in " ".join(spoken)
    assert speak(text, language).duration_s > 1


def test_a_text_of_hours_is_refused_before_it_is_read() -> None:
    for text in ("好" * 4000, "word " * 100_000):
        with pytest.raises(TextTooLong, match="Split it"):
            estimate_duration_s(text, "zh")


@pytest.mark.parametrize("wrong", [{"pitch_hz": 20.0}, {"rate": 9.0}, {"breathiness": float("nan")}])
def test_a_voice_outside_the_model_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(VoiceOutOfRange) as refusal:
        Voice(**wrong)
    assert refusal.value.details["name"] in wrong


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, language=st.sampled_from(["zh", "en"]))
def test_any_text_is_spoken_contiguously_or_refused(text: str, language: str) -> None:
    try:
        speech = speak(text, language)
    except SpeechError:
        return
    assert_contiguous(speech)
    assert np.isfinite(speech.samples).all()
    assert np.abs(speech.samples).max() <= 0.9


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60), language=st.sampled_from(["zh", "en"]))
def test_any_unicode_is_estimated_or_refused(text: str, language: str) -> None:
    try:
        assert estimate_duration_s(text, language) > 0
    except SpeechError as refusal:
        assert refusal.code in {"text_empty", "text_unspeakable", "text_too_long"}


def test_command_line_writes_a_wave_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "x.wav"
    command = [sys.executable, "-m", "avatars.speech", "你好 world", "--language", "zh", "--out", str(out)]
    subprocess.run(command, check=True)
    with wave.open(str(out)) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (1, 24000)
        assert sound.getnframes() > 12000
    refused = subprocess.run([*command[:3], "", "--out", str(out)], capture_output=True, text=True)
    assert refused.returncode == 2
    assert "text_empty" in refused.stderr


@pytest.mark.parametrize("frames", [1, 97, 100_000])
def test_speech_does_not_depend_on_how_much_of_it_is_in_memory_at_once(
    monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    whole = speak("Hush, six sheep sat by the shop.", "en", Voice(breathiness=0.4)).samples
    monkeypatch.setattr("avatars.speech.formant._BLOCK", frames)
    parts = speak("Hush, six sheep sat by the shop.", "en", Voice(breathiness=0.4)).samples
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-7)
