"""How two trackers are compared, and what is measured on a face: all in inter-ocular distances.

Points are (..., 68, 2) px in Multi-PIE order or MediaPipe's 478. Inter-ocular is the distance of the outer
corners of the eyes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# The MediaPipe point nearest to each of the 68 Multi-PIE points.
MEDIAPIPE_68 = np.array(
    [
        *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
        *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
        *(168, 197, 5, 4, 98, 97, 2, 326, 327),
        *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
        *(78, 82, 13, 312, 308, 317, 14, 87),
    ]
)
# The jaw line is where two definitions differ most: it is not counted.
INNER = slice(17, 68)
RIGID = slice(27, 48)
# Standard deviation under which a measure tells nothing: three times what MediaPipe reports of the brows of
# a face that stands still in noise (0.0014 to 0.0024).
MOVES = 0.006
OUTER_CORNERS = (36, 45)


def interocular(points68: Array) -> Array:
    """Distance of the outer eye corners (...,)."""
    a, b = OUTER_CORNERS
    out: Array = np.linalg.norm(points68[..., a, :] - points68[..., b, :], axis=-1)
    return out


def eye_aligned(points: Array, by68: Array) -> Array:
    """`points` (F, N, 2) in a frame whose origin is between the eyes of `by68` (F, 68, 2), whose x axis
    joins their outer corners and whose unit is their distance."""
    a, b = by68[:, OUTER_CORNERS[0]], by68[:, OUTER_CORNERS[1]]
    axis = (b - a) / np.sum((b - a) ** 2, axis=1, keepdims=True)
    moved = points - ((a + b) / 2)[:, None]
    x = np.einsum("fnd,fd->fn", moved, axis)
    y = np.einsum("fnd,fd->fn", moved, np.stack([-axis[:, 1], axis[:, 0]], axis=1))
    return np.stack([x, y], axis=-1)


def disagreement(ours68: Array, theirs68: Array) -> tuple[Array, Array]:
    """Per picture mean distance of the inner points (F,): as found, and after each point's median offset
    over all pictures is taken out, since the two define the points differently."""
    offset = eye_aligned(ours68, theirs68) - eye_aligned(theirs68, theirs68)
    offset = offset[:, INNER]
    raw = np.linalg.norm(offset, axis=2).mean(axis=1)
    own = np.linalg.norm(offset - np.median(offset, axis=0), axis=2).mean(axis=1)
    return raw, own


def jitter(points68: Array) -> float:
    """Standard deviation of the inner points of a face that does not move (F, 68, 2)."""
    inner = points68[:, INNER]
    return float(np.sqrt(inner.var(axis=0).sum(axis=1)).mean() / np.median(interocular(points68)))


def measures(mesh: Array) -> dict[str, Array]:
    """What moves in a face, from MediaPipe's 478 points (F, 478, 2): each (F,) in inter-ocular distances."""
    unit = np.linalg.norm(mesh[:, 33] - mesh[:, 263], axis=1)

    def gap(a: int, b: int) -> Array:
        out: Array = np.linalg.norm(mesh[:, a] - mesh[:, b], axis=1) / unit
        return out

    along = (mesh[:, 263] - mesh[:, 33]) / unit[:, None]
    right = np.einsum("fd,fd->f", mesh[:, 468] - (mesh[:, 33] + mesh[:, 133]) / 2, along) / unit
    left = np.einsum("fd,fd->f", mesh[:, 473] - (mesh[:, 362] + mesh[:, 263]) / 2, along) / unit
    return {
        "mouth opening": gap(13, 14),
        "mouth width": gap(61, 291),
        "eye opening": (gap(159, 145) + gap(386, 374)) / 2,
        "brows": (gap(105, 33) + gap(66, 133) + gap(334, 263) + gap(296, 362)) / 4,
        "gaze": (right + left) / 2,
    }


def gain(driver: Array, result: Array) -> float:
    """Slope of the result's motion over the driver's, by least squares; NaN if the driver hardly moves."""
    x, y = driver - driver.mean(), result - result.mean()
    return float(np.sum(x * y) / np.sum(x * x)) if x.std() > MOVES else float("nan")


def similarity(source: Array, target: Array) -> Array:
    """The (3, 3) similarity that moves `source` (N, 2) nearest to `target` (Umeyama 1991)."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1.0, np.sign(np.linalg.det(u @ vt))])
    scale = float(np.sum(s * np.diag(sign)) / np.sum(a * a))
    out = np.eye(3)
    out[:2, :2] = scale * (u @ sign @ vt)
    out[:2, 2] = target.mean(axis=0) - out[:2, :2] @ source.mean(axis=0)
    return out


def box(mesh: Array, shape: tuple[int, ...], margin: float = 0.05) -> tuple[slice, slice]:
    """Rows and columns around a face's points (N, 2), a little wider, inside the picture."""
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    pad = margin * (high - low)
    x0, y0 = np.maximum(np.floor(low - pad), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(high + pad), [shape[1], shape[0]]).astype(int)
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))
