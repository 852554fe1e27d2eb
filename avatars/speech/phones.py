"""The inventory of speech sounds: how each one sounds and how the mouth looks while it is made.

English symbols are ARPAbet in lower case. Mandarin shares them where the sounds agree and adds its own:
retroflex `zhr chr shr rr`, alveolo-palatal `jj qq xx`, dental `dz ts`, velar `x`, the vowels `a af ab o ee
yu uu ir iz ar` and the glide `yw`. Formants are those of an adult man: English vowels after Peterson and
Barney (1952), consonant loci after Klatt (1980) and Stevens (1998), Mandarin after Lee and Zee (2003).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SILENCE = "sil"

Formants = tuple[float, float, float]


class Manner(StrEnum):
    SILENCE = "silence"
    VOWEL = "vowel"
    GLIDE = "glide"
    NASAL = "nasal"
    FRICATIVE = "fricative"
    ASPIRATE = "aspirate"
    STOP = "stop"
    AFFRICATE = "affricate"


@dataclass(frozen=True, slots=True)
class MouthShape:
    """The lips at the middle of a sound.

    `opening`: 0 (lips meet) .. 1 (widest), `width`: -1 (pursed) .. 0 (rest) .. 1 (spread),
    `closed`: the lips must touch, or the eye notices.
    """

    opening: float
    width: float
    closed: bool


@dataclass(frozen=True, slots=True)
class Sound:
    """Acoustic targets of one phone.

    `formants`: F1..F3 in Hz; `glide_to`: where a diphthong ends. `locus_pull`: share of F2 and F3 that a
    consonant borrows from its vowel (locus equations). `voicing`, `noise`: linear amplitudes, 1 = an open
    vowel. `noise_shape`: key of `noise.SHAPES`. `aspiration_ms`: breath between release and voice.
    """

    manner: Manner
    formants: Formants
    mouth: MouthShape
    duration_ms: float
    voicing: float = 0.0
    noise: float = 0.0
    noise_shape: str = ""
    glide_to: Formants | None = None
    locus_pull: float = 0.5
    aspiration_ms: float = 0.0
    mouth_to: MouthShape | None = None


def _vowel(
    formants: Formants,
    duration_ms: float,
    opening: float,
    width: float,
    to: Formants | None = None,
    mouth_to: tuple[float, float] | None = None,
) -> Sound:
    return Sound(
        Manner.VOWEL,
        formants,
        MouthShape(opening, width, False),
        duration_ms,
        voicing=1.0,
        glide_to=to,
        locus_pull=0.0,
        mouth_to=MouthShape(*mouth_to, False) if mouth_to else None,
    )


def _glide(
    formants: Formants, duration_ms: float, opening: float, width: float, voicing: float = 0.7
) -> Sound:
    return Sound(
        Manner.GLIDE,
        formants,
        MouthShape(opening, width, False),
        duration_ms,
        voicing=voicing,
        locus_pull=0.15,
    )


def _nasal(formants: Formants, duration_ms: float, mouth: MouthShape, pull: float) -> Sound:
    return Sound(Manner.NASAL, formants, mouth, duration_ms, voicing=0.55, locus_pull=pull)


def _fricative(
    shape: str,
    noise: float,
    formants: Formants,
    duration_ms: float,
    mouth: tuple[float, float],
    voicing: float = 0.0,
    pull: float = 0.4,
) -> Sound:
    return Sound(
        Manner.FRICATIVE,
        formants,
        MouthShape(*mouth, False),
        duration_ms,
        voicing=voicing,
        noise=noise,
        noise_shape=shape,
        locus_pull=pull,
    )


def _stop(
    shape: str,
    noise: float,
    formants: Formants,
    duration_ms: float,
    mouth: MouthShape,
    voicing: float,
    aspiration_ms: float,
    pull: float,
) -> Sound:
    return Sound(
        Manner.STOP,
        formants,
        mouth,
        duration_ms,
        voicing=voicing,
        noise=noise,
        noise_shape=shape,
        aspiration_ms=aspiration_ms,
        locus_pull=pull,
    )


def _affricate(
    shape: str,
    noise: float,
    formants: Formants,
    duration_ms: float,
    mouth: tuple[float, float],
    voicing: float = 0.0,
    aspiration_ms: float = 0.0,
) -> Sound:
    return Sound(
        Manner.AFFRICATE,
        formants,
        MouthShape(*mouth, False),
        duration_ms,
        voicing=voicing,
        noise=noise,
        noise_shape=shape,
        aspiration_ms=aspiration_ms,
        locus_pull=0.4,
    )


_LIPS_MET = MouthShape(0.0, 0.0, True)
_TONGUE_TIP = MouthShape(0.22, 0.1, False)
_TONGUE_BACK = MouthShape(0.28, 0.05, False)

# fmt: off
_VOWELS: dict[str, Sound] = {
    "iy": _vowel((285, 2250, 2950), 135, 0.28, 0.75),
    "ih": _vowel((400, 1980, 2550), 95, 0.36, 0.4),
    "ey": _vowel((480, 1950, 2550), 165, 0.48, 0.5, (330, 2250, 2750), (0.3, 0.65)),
    "eh": _vowel((570, 1800, 2480), 115, 0.55, 0.35),
    "ae": _vowel((690, 1700, 2430), 160, 0.75, 0.4),
    "aa": _vowel((740, 1120, 2450), 160, 0.9, 0.0),
    "ao": _vowel((590, 880, 2430), 160, 0.7, -0.45),
    "ow": _vowel((520, 980, 2350), 165, 0.5, -0.5, (370, 820, 2300), (0.25, -0.85)),
    "uh": _vowel((450, 1080, 2300), 95, 0.34, -0.5),
    "uw": _vowel((315, 980, 2250), 135, 0.24, -0.85),
    "ah": _vowel((640, 1220, 2450), 105, 0.58, 0.05),
    "ax": _vowel((500, 1400, 2450), 60, 0.36, 0.0),
    "er": _vowel((480, 1330, 1680), 145, 0.36, -0.3),
    "ay": _vowel((740, 1180, 2450), 185, 0.88, 0.05, (360, 2100, 2650), (0.34, 0.6)),
    "aw": _vowel((740, 1280, 2450), 190, 0.88, 0.05, (400, 880, 2350), (0.28, -0.75)),
    "oy": _vowel((540, 880, 2400), 195, 0.55, -0.6, (360, 2050, 2600), (0.32, 0.55)),
    "a": _vowel((820, 1280, 2550), 160, 0.95, 0.1),
    "af": _vowel((780, 1560, 2500), 125, 0.78, 0.25),
    "ab": _vowel((740, 1120, 2500), 125, 0.85, 0.0),
    "o": _vowel((540, 850, 2450), 150, 0.5, -0.55),
    "ee": _vowel((440, 1150, 2400), 155, 0.4, 0.1, (530, 1180, 2400), (0.46, 0.1)),
    "yu": _vowel((285, 1950, 2300), 140, 0.2, -0.8),
    "uu": _vowel((330, 680, 2350), 140, 0.2, -1.0),
    "ir": _vowel((370, 1650, 2120), 140, 0.26, -0.05),
    "iz": _vowel((380, 1320, 2550), 140, 0.22, 0.35),
    "ar": _vowel((600, 1320, 2000), 160, 0.5, -0.05, (480, 1480, 1700), (0.34, -0.1)),
    "ai": _vowel((790, 1320, 2500), 175, 0.9, 0.15, (400, 2000, 2600), (0.38, 0.5)),
    "ei": _vowel((500, 1900, 2500), 165, 0.48, 0.45, (340, 2200, 2700), (0.3, 0.6)),
    "au": _vowel((790, 1230, 2450), 175, 0.88, 0.0, (470, 830, 2350), (0.4, -0.65)),
    "ou": _vowel((520, 1000, 2400), 165, 0.46, -0.4, (360, 740, 2300), (0.24, -0.9)),
}

_CONSONANTS: dict[str, Sound] = {
    "y": _glide((280, 2250, 2950), 55, 0.26, 0.6),
    "w": _glide((300, 650, 2300), 60, 0.16, -1.0),
    "yw": _glide((280, 1950, 2300), 55, 0.18, -0.85),
    "r": _glide((330, 1180, 1600), 60, 0.3, -0.45),
    "rr": Sound(
        Manner.GLIDE, (340, 1550, 1950), MouthShape(0.26, -0.2, False), 65, voicing=0.6, noise=0.04,
        noise_shape="shr", locus_pull=0.2,
    ),
    "l": _glide((350, 1150, 2750), 60, 0.36, 0.1, voicing=0.6),
    "dx": Sound(Manner.GLIDE, (300, 1700, 2650), _TONGUE_TIP, 28, voicing=0.3, locus_pull=0.5),
    "m": _nasal((260, 1000, 2150), 65, _LIPS_MET, 0.4),
    "n": _nasal((260, 1550, 2550), 62, _TONGUE_TIP, 0.35),
    "ng": _nasal((270, 1450, 2250), 80, _TONGUE_BACK, 0.6),
    "f": _fricative("f", 0.06, (340, 1100, 2080), 100, (0.08, 0.15)),
    "v": _fricative("f", 0.025, (260, 1100, 2080), 60, (0.08, 0.15), voicing=0.35),
    "th": _fricative("th", 0.045, (320, 1350, 2540), 88, (0.2, 0.15)),
    "dh": _fricative("th", 0.02, (270, 1350, 2540), 45, (0.2, 0.15), voicing=0.4),
    "s": _fricative("s", 0.17, (320, 1500, 2600), 105, (0.14, 0.4)),
    "z": _fricative("s", 0.09, (260, 1500, 2600), 75, (0.14, 0.4), voicing=0.3),
    "sh": _fricative("sh", 0.2, (300, 1800, 2550), 108, (0.22, -0.55)),
    "zh": _fricative("sh", 0.11, (270, 1800, 2550), 70, (0.22, -0.55), voicing=0.35),
    "shr": _fricative("shr", 0.2, (320, 1650, 2150), 110, (0.2, -0.3)),
    "xx": _fricative("xx", 0.18, (300, 2150, 2900), 108, (0.2, 0.5)),
    "x": _fricative("x", 0.13, (420, 1250, 2400), 85, (0.34, 0.0), pull=0.8),
    "h": Sound(
        Manner.ASPIRATE, (500, 1500, 2500), MouthShape(0.4, 0.0, False), 60, noise=0.3, locus_pull=1.0,
    ),
    "p": _stop("p", 0.10, (320, 950, 2150), 75, _LIPS_MET, 0.0, 48, 0.45),
    "t": _stop("t", 0.24, (320, 1750, 2650), 68, _TONGUE_TIP, 0.0, 50, 0.4),
    "k": _stop("k", 0.22, (320, 1850, 2350), 70, _TONGUE_BACK, 0.0, 55, 0.75),
    "b": _stop("p", 0.08, (260, 950, 2150), 70, _LIPS_MET, 0.16, 0, 0.45),
    "d": _stop("t", 0.15, (260, 1700, 2650), 60, _TONGUE_TIP, 0.16, 0, 0.4),
    "g": _stop("k", 0.15, (260, 1800, 2350), 65, _TONGUE_BACK, 0.16, 0, 0.75),
    "ch": _affricate("sh", 0.2, (300, 1800, 2550), 125, (0.22, -0.5)),
    "jh": _affricate("sh", 0.13, (280, 1800, 2550), 90, (0.22, -0.5), voicing=0.14),
    "zhr": _affricate("shr", 0.17, (310, 1650, 2150), 85, (0.2, -0.3)),
    "chr": _affricate("shr", 0.19, (310, 1650, 2150), 130, (0.2, -0.3), aspiration_ms=35),
    "jj": _affricate("xx", 0.16, (290, 2150, 2900), 85, (0.2, 0.5)),
    "qq": _affricate("xx", 0.18, (290, 2150, 2900), 130, (0.2, 0.5), aspiration_ms=35),
    "dz": _affricate("s", 0.15, (310, 1500, 2600), 85, (0.14, 0.4)),
    "ts": _affricate("s", 0.17, (310, 1500, 2600), 130, (0.14, 0.4), aspiration_ms=30),
}
# fmt: on

INVENTORY: dict[str, Sound] = {
    SILENCE: Sound(Manner.SILENCE, (500, 1500, 2500), _LIPS_MET, 100, locus_pull=1.0),
    **_VOWELS,
    **_CONSONANTS,
}


def is_vowel(symbol: str) -> bool:
    return INVENTORY[symbol].manner is Manner.VOWEL


def mouth_shape(symbol: str) -> MouthShape:
    """The lips at the middle of `symbol` (a diphthong: its start). Raises KeyError for an unknown one."""
    return INVENTORY[symbol].mouth
