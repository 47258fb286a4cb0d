"""What fits of found points err by, as far as pictures of other people tell: the head's turn and the gaze.

A fit takes every point's error for its own, but points that a network finds err together: a chin found too
low looks like a nod. How far a turn is off was learned on renders, from the fits of the points found in them
and the truth they were rendered with: by what lies beside the fitted head, and by the other turn that the
points make likely by themselves (ridge regression), for every view of a head somewhat differently.

Where eyes look is found before the head is fitted, by who hardly knows where the camera stands. Once that is
known better, a gaze that is found near it is told to meet it: people look into cameras more often than
closely past them. How irises in the fitted head differ has a say.
`likeness.training.mended_fit` makes the tables.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from likeness import runtime
from likeness.face.expected import expected_turn
from likeness.face.frame import straight_at, yaw_pitch
from likeness.head.model import Head

if TYPE_CHECKING:
    from likeness.face.fit import Fit, Lens
    from likeness.face.landmarks import Points

Array = NDArray[np.float64]

EYES = slice(36, 48)
VIEWED = 1.5  # how much a turned head may be told of differently
NEAR_RAD = np.radians([4.0, 8.0, 16.0])  # from the camera: gazes within each differ in what they are told


def turned_too_far(head: Head, found: Points, fit: Fit, lens: Lens) -> Array:
    """The rotation vector (3,) in the head's frame, radians, by which a picture's fit is turned too far."""
    turn, _, _ = _tables()
    told = np.append(beside(head, found, fit, lens), 1.0)
    out: Array = by_view(fit.rotation[2]) @ (told @ turn)
    return out


def by_view(axis: Array) -> Array:
    """How much each of the four tables of a turn counts (..., 4) where the camera's depth axis has the
    direction `axis` (..., 3) in the head's frame: one always, others as the head looks aside and up."""
    aside, up = axis[..., 0], axis[..., 1]
    return np.stack([np.ones_like(aside), VIEWED * aside, VIEWED * aside**2, VIEWED * up], axis=-1)


def beside(head: Head, found: Points, fit: Fit, lens: Lens) -> Array:
    """What is told of a fit (2 * 450 * 3 + 3,): how far found points lie from those of the average head in
    its pose, head space, cm; the same of what is seen only; and the turn from it to the one that the points
    make likely by themselves, a rotation vector in the head's frame, radians.

    Depths are as if seen from the distance of the head's origin."""
    local = head.point_mean.astype(np.float64)
    depth = local @ fit.rotation[2] + fit.translation[2]
    z = found.z * (fit.translation[2] / lens.focal_px)
    z += depth[:68].mean() - z[:68].mean()
    ways = np.c_[(found.xy - lens.center_px) / lens.focal_px, np.ones(len(z))]
    off = (z[:, None] * ways - fit.translation) @ fit.rotation - local
    likely = straight_at(_toward_eyes(found, lens)) @ expected_turn(head, found.xy, found.z, found.visible)
    other = Rotation.from_matrix(fit.rotation.T @ likely).as_rotvec()
    return np.concatenate([off.ravel(), (found.visible[:, None] * off).ravel(), other])


def with_mended_gaze(found: Points, fit: Fit, lens: Lens, turned: Array) -> Points:
    """The points with their gaze mended, of a fit that is turned too far by `turned` (3,); without one, as
    they are. `fit` is to be of a person without a bias."""
    if found.gaze is None:
        return found
    _, gaze, offset = _tables()
    camera = toward_camera(found, fit, lens, turned)
    told = near_camera(found.gaze.mean(axis=0), fit.gaze.mean(axis=0), camera)
    return replace(found, gaze=found.gaze + offset + told @ gaze)


def toward_camera(found: Points, fit: Fit, lens: Lens, turned: Array) -> Array:
    """Yaw and pitch (2,) in radians at which a gaze meets the camera, the fit's turn mended by `turned`."""
    return yaw_pitch(Rotation.from_rotvec(turned).apply(-_toward_eyes(found, lens) @ fit.rotation))


def _toward_eyes(found: Points, lens: Lens) -> Array:
    """The way (3,) from the camera to between the eyes, of depth 1."""
    return np.append((found.xy[EYES].mean(axis=0) - lens.center_px) / lens.focal_px, 1.0)


def near_camera(seen: Array, irises: Array, camera: Array) -> Array:
    """What is told of gazes (..., 16): of yaw and pitch (..., 2) how far the `seen` one lies from where it
    would meet the `camera`, and that of the `irises` from it, radians; then both again, the less of them the
    farther that is, by each of `NEAR_RAD`."""
    past = seen - camera
    near = np.exp(-(past**2).sum(axis=-1, keepdims=True) / NEAR_RAD**2)
    both = np.concatenate([past, irises - seen], axis=-1)
    again = near[..., :, None] * both[..., None, :]
    return np.concatenate([both, again.reshape(*past.shape[:-1], -1)], axis=-1)


@lru_cache(maxsize=1)
def _tables() -> tuple[Array, Array, Array]:
    """Linear maps: to a turn (4, 2704, 3), the last rows offsets; to a gaze (16, 2), and its offset (2,)."""
    data = runtime.house_tables("mended_fit")
    turn, gaze, offset = (data[name].astype(np.float64) for name in ("turn", "gaze", "gaze_offset"))
    return turn, gaze, offset
