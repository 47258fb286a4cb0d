"""Looks at both eyes of a still once more, by a network of their own, for where they look.

The place of an iris in a picture tells a gaze only as well as the eyeball behind it is known, and even true
irises leave 5 degrees of doubt. `face_eyes` sees both eyes with the bridge of the nose in one strip, is told
where the camera stands, into which people often look, and says the gaze itself, beside the lids. What it says
goes into the person: the fit lays the eyeballs so that irises seen there look that way
(`likeness.face.fit.eyeball_bias`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.head import points as dense
from likeness.media.look import Look
from likeness.runtime import session

Array = NDArray[np.float64]

WIDTH_PX, HEIGHT_PX = 96, 40  # of the strip
ACROSS = 1.8  # its width in face scales: the larger of the eyes' distance and the way from eyes to mouth
# What `face_eyes` finds: lids of both eyes, then irises and rims.
LIDS = np.concatenate(
    [dense.GROUPS[f"lid_{side}_{edge}"] for side in ("left", "right") for edge in ("upper", "lower")]
)
POINTS = np.concatenate([LIDS, np.arange(dense.SKIN_COUNT, dense.COUNT)])
TRUST = 0.5  # how much its lids count against those of `face_points`: both together err less than either
# Factors of width and turns in radians of the strips whose mean is taken, then of the mirrored ones.
LOOKS = 2 * ((1.0, 0.0), (1.05, 0.04), (0.96, -0.04), (1.1, -0.08), (0.92, 0.08))
MIRRORED = np.arange(len(LOOKS)) >= len(LOOKS) // 2


def strip(xy: Array, width: float = 1.0, roll: float = 0.0) -> Array:
    """The matrix (2, 3) from pixels of the strip over the eyes of dense points (450, 2) to the picture's.

    `width` scales it, `roll` in radians turns it. Upright as a crop is: across the way from eyes to mouth.
    """
    right, left = xy[36:42].mean(axis=0), xy[42:48].mean(axis=0)
    down = xy[48:68].mean(axis=0) - (left + right) / 2
    way = max(float(np.hypot(*down)), 1e-6)
    step = max(way, float(np.hypot(*(left - right))), 1.0) * ACROSS * width / WIDTH_PX
    x, y = down[1] / way, -down[0] / way
    c, s = step * (x * np.cos(roll) - y * np.sin(roll)), step * (x * np.sin(roll) + y * np.cos(roll))
    turn = np.array([[c, -s], [s, c]])
    middle = xy[[36, 39, 42, 45]].mean(axis=0)
    return np.concatenate([turn, (middle - turn @ [WIDTH_PX / 2, HEIGHT_PX / 2])[:, None]], axis=1)


def seen_gaze(look: Look, xy: Array, camera: Array, device: str = "auto") -> tuple[Array, Array]:
    """The points (450, 2) with lids seen again, and yaw and pitch of the left and right eye (2, 2).

    `camera` (2,) is where a gaze would meet the camera (`expected.toward_camera`). Radians in the head's
    frame, as `fit.Fit.gaze`.
    """
    strips = [strip(xy, width, roll) for width, roll in LOOKS]
    blob = np.stack([look.crop(matrix, WIDTH_PX, HEIGHT_PX) for matrix in strips])
    blob[MIRRORED] = blob[MIRRORED, ..., ::-1]
    cameras = np.repeat(camera[None].astype(np.float32), len(LOOKS), axis=0)
    cameras[MIRRORED, 0] *= -1
    places, looks, spread = session("face_eyes", device)(blob, cameras)
    looks[MIRRORED] = looks[MIRRORED, ::-1] * [-1.0, 1.0]
    spread[MIRRORED] = spread[MIRRORED, ::-1]
    places[MIRRORED, :, 0] = WIDTH_PX - places[MIRRORED, :, 0]
    seen = np.repeat(xy[None], len(LOOKS), axis=0)
    for points, matrix, place, mirrored in zip(seen, strips, places, MIRRORED, strict=True):
        ids = dense.TWIN[LIDS] if mirrored else LIDS
        points[ids] = place[: len(LIDS)].astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
    out = xy.copy()
    out[LIDS] += TRUST * (seen.mean(axis=0)[LIDS] - xy[LIDS])
    return out, np.average(looks.astype(np.float64), axis=0, weights=spread.astype(np.float64) ** -2)
