"""Faces that are drawn, and nobody's: for pictures that may be committed, and for exact landmarks."""

import math
from dataclasses import dataclass

# In face units: eyes at -0.5 and 0.5, y down. Right and left are the person's own.
LANDMARKS = ((-0.5, 0.0), (0.5, 0.0), (0.0, 0.68), (-0.42, 1.2), (0.42, 1.2))

FACE = """
<path d="M-3 6Q-2.7 3 -.8 2.5L.8 2.5Q2.7 3 3 6Z" fill="{coat}"/>
<path d="M-.6 1.4L-.68 2.6Q0 3.05 .68 2.6L.6 1.4Z" fill="{shade}"/>
<path d="M-1.3 -.15C-1.42 -1.95 1.42 -1.95 1.3 -.15C1.26 .95 .78 1.92 0 2C-.78 1.92 -1.26 .95 -1.3 -.15Z" fill="{skin}"/>
<ellipse cx="-1.34" cy=".2" rx=".16" ry=".37" fill="{shade}"/><ellipse cx="1.34" cy=".2" rx=".16" ry=".37" fill="{shade}"/>
<path d="M-1.4 .05C-1.78 -2.4 1.78 -2.4 1.4 .05C1.3 -.9 .86 -1.12 .2 -1.16C-.5 -1.2 -1.18 -.9 -1.4 .05Z" fill="{hair}"/>
<g id="eye"><path d="M-.78 0Q-.5 -.18 -.22 0Q-.5 .13 -.78 0Z" fill="#f5f3f0"/><circle cx="-.5" r=".1" fill="{iris}"/><circle cx="-.5" r=".045" fill="#111"/>
<path d="M-.78 0Q-.5 -.2 -.22 0" fill="none" stroke="{hair}" stroke-width=".04"/><path d="M-.85 -.26Q-.5 -.45 -.17 -.27" fill="none" stroke="{hair}" stroke-width="{brow}" stroke-linecap="round"/></g>
<use href="#eye" transform="scale(-1 1)"/>
<path d="M-.08 .05Q-.05 .42 -.2 .66Q0 .82 .2 .66" fill="none" stroke="{shade}" stroke-width=".06" stroke-linecap="round"/>
<path d="M-.42 1.2Q-.16 1.09 0 1.14Q.16 1.09 .42 1.2Q0 1.42 -.42 1.2Z" fill="#a55a50"/><path d="M-.42 1.2Q0 1.25 .42 1.2" fill="none" stroke="#6d342f" stroke-width=".03"/>
{mark}
"""

MOLE_AT = (0.62, 0.8)
MOLE = '<circle cx="{}" cy="{}" r=".045" fill="#4a2c20"/>'.format(*MOLE_AT)
PEOPLE = {
    "anna": {"skin": "#d8a27d", "shade": "#b87f5c", "hair": "#2a211d", "iris": "#4b3a2f"},
    "ben": {"skin": "#8d5a3b", "shade": "#6b4129", "hair": "#17120f", "iris": "#2f2119"},
    "cleo": {"skin": "#eec7ab", "shade": "#cf9c7c", "hair": "#8a5a33", "iris": "#5b7384"},
    "dora": {"skin": "#c48d62", "shade": "#9e6a45", "hair": "#6e6a66", "iris": "#3d3026"},
    "emil": {"skin": "#e3b592", "shade": "#c08e6a", "hair": "#b08a4e", "iris": "#4f6b57"},
    "fay": {"skin": "#a8714a", "shade": "#835433", "hair": "#3a2a20", "iris": "#241a14"},
}


@dataclass(frozen=True)
class Drawn:
    """A drawing as an SVG file, and where its landmarks are, in its pixels."""

    svg: bytes
    width: int
    height: int
    landmarks: tuple


def draw_face(
    person="anna", *, width=600, height=720, eyes=110.0, degrees=0.0, at=(0.5, 0.42), back="#c9cdd2"
):
    """Draw a person: eyes this far apart, turned this far, the point between them at this share of the sheet."""
    colours = PEOPLE[person]
    mark = MOLE if person in {"anna", "dora"} else ""
    face = FACE.format(**colours, coat="#3b4654", brow=0.1 if person == "ben" else 0.075, mark=mark)
    x, y = at[0] * width, at[1] * height
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><rect width="{width}" height="{height}" fill="{back}"/>'
        f'<g transform="translate({x} {y}) rotate({degrees}) scale({eyes})">{face}</g></svg>'
    )
    cos, sin = eyes * math.cos(math.radians(degrees)), eyes * math.sin(math.radians(degrees))
    landmarks = tuple((x + cos * a - sin * b, y + sin * a + cos * b) for a, b in LANDMARKS)
    return Drawn(svg.encode(), width, height, landmarks)
