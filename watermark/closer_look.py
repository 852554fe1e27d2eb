"""A closer look where the tile stands out and its mark is just out of reach: the geometry to a third of a pixel.

The synchronisation carriers show the tile from about half the energy that it takes to read the mark. Where they do,
nothing else need be searched for, and what a search cannot afford at every place is worth its price at this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watermark.carriers import Carriers
from watermark.geometry import Geometry
from watermark.refinement import neighbours
from watermark.residual import Window
from watermark.synchronisation import align, sight

STANDS = 7.2
"""Joint synchronisation score over the whole picture of a tile that is there; the best of all that a search climbs in
what carries none stay about one below. A mark that can be read in the end shows at 7.5.
"""

_STEP = 0.001  # relative change of size that turns the outermost carriers at the border by a third of a radian
_NEARLY = 0.95  # of the highest score that is worth a reading: it is noise that decides between such places
_MOST = 32  # places that are looked at


def closer_look(windows: Sequence[Window], seen: Geometry, carriers: Carriers) -> Iterator[Geometry]:
    """Geometries about one in which the tile stands out that show it nearly as well as the best of them, best first.

    The hill is flooded from its top: of what has been looked at, whatever stands highest has its neighbours looked at.
    """
    scores = {seen: _joint(windows, seen, carriers)}
    open_ends = [seen]
    while open_ends and len(scores) < _MOST:
        highest = max(open_ends, key=lambda geometry: scores[geometry])
        open_ends.remove(highest)
        if scores[highest] < _NEARLY * max(scores.values()):
            break
        near = [geometry for geometry in neighbours(highest, _STEP) if geometry not in scores]
        scores |= {geometry: _joint(windows, geometry, carriers) for geometry in near}
        open_ends += near
    least = _NEARLY * max(scores.values())
    yield from sorted((g for g in scores if scores[g] >= least), key=lambda g: -scores[g])


def _joint(windows: Sequence[Window], geometry: Geometry, carriers: Carriers) -> float:
    sightings = [sight(window, carriers, geometry, detailed=True) for window in windows]
    return align(sightings, carriers)[0]
