"""Fits the house head to found points: pose, expression and gaze per frame, identity per shot.

Gauss-Newton on the reprojection of the dense points, weighted by each point's own uncertainty, with
bounded expression weights. One identity and one small 3D bias of every point are shared by the shot: the
bias takes up what the head cannot be and where two definitions of a point differ, so that the mesh lies
on the picture. The shot is solved once more as a whole, each frame tied to its neighbors
(block-tridiagonal), so that noise is shared out before it reaches the weights.

Camera: OpenCV axes (x right, y down, z forward), centimeters; pixels with y down, centers at .5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from likeness.face.expected import expected_expression
from likeness.face.frame import UPWARD, direction
from likeness.face.landmarks import Points
from likeness.face.mended import turned_too_far, with_mended_gaze
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.performance import ARKIT

Array = NDArray[np.float64]
Prior = tuple[Array, Array]  # mean and standard deviation (52,) of expression weights

DEFAULT_MM = 50.0  # of a lens that nobody knows, on a 36 mm wide film back
HEAD_TO_CAMERA = np.diag(UPWARD)
PIVOT = np.array([0.0, -7.0, 0.0])  # where the head turns on the neck, head space, cm
POSE = 6
SKIN = slice(0, dense.SKIN_COUNT)
EYE_LIMIT_RAD = np.radians([40.0, 30.0])
TURNED_IN_RAD, TURNED_IN_SHARE = np.radians(2.8), 0.25  # eyes converge; how much of what is found is believed

CORRELATED = 0.1  # neighboring points err together: ten of them are about one measurement
ROUNDS = 8  # of expressions and identity, in turns
TOGETHER = 3.0  # root of how much better than either point is known what lies between two that err together
EYES = ((dense.IRIS_LEFT, dense.RIM_LEFT), (dense.IRIS_RIGHT, dense.RIM_RIGHT))
EYEBALL_CM = 0.45  # how far eyeballs follow the gaze that is seen, at most
FAR = 27.0  # squared deviations beyond which a point is rather an outlier
_BY_POINT: dict[tuple[int, str], Array] = {}


def _across() -> NDArray[np.int64]:
    """Pairs of points (M, 2) across the eyes and the mouth, and from brow to lid: what opens and rises."""
    out = [(48, 54), *zip(range(18, 26), (36, 37, 38, 39, 42, 43, 44, 45), strict=True)]
    for one in ("lid_left_upper", "lid_right_upper", "lip_upper_inner"):
        upper, lower = dense.GROUPS[one][1:-1], dense.GROUPS[one.replace("upper", "lower")][1:-1]
        facing = np.round(np.linspace(0, len(lower) - 1, len(upper))).astype(int)
        out += zip(upper, lower[facing], strict=True)
    return np.array(out, np.int64)


PAIRS = _across()


@dataclass(frozen=True)
class Lens:
    """A pinhole: focal length and principal point, in pixels."""

    focal_px: float
    center_px: tuple[float, float]


@dataclass
class Shot:
    """What all frames of a shot share: the person and the lens.

    `turned` is a rotation vector in the head's frame, radians: so much too far the person's fits are turned,
    as is expected (`likeness.face.mended`). The mesh lies on the picture as they are turned; `straightened`
    says how the head is.
    """

    lens: Lens
    identity: Array  # (K,)
    bias: Array  # (POINTS, 3) head space, cm
    rest: Array  # (POINTS, 3) the person's points at rest, bias included
    turned: Array = field(default_factory=lambda: np.zeros(3))  # (3,)


@dataclass
class Fit:
    """One frame: `rotation` (3, 3) and `translation` (3,) camera from head, cm; `expression` (52,)
    in ARKit order; `gaze` (2, 2) yaw and pitch of the left and right eye in radians;
    `residual` is the weighted mean reprojection error in units of the inter-ocular distance;
    `body` (2,): how far across and down neck and shoulders have gone, cm, if that is known.
    `corrective` (SKIN_COUNT, 3): how far skin lies beside where its shapes put it, head space, cm."""

    rotation: Array
    translation: Array
    expression: Array
    gaze: Array
    residual: float = 0.0
    body: Array | None = None
    corrective: NDArray[np.float32] | None = None

    @property
    def head_pose(self) -> Array:
        """Camera-from-head (4, 4)."""
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = self.rotation, self.translation
        return pose


def rotation_matrix(vector: Array) -> Array:
    """Rodrigues: axis times angle (3,) to a rotation (3, 3)."""
    angle = float(np.linalg.norm(vector))
    cross = _cross(vector)
    if angle < 1e-9:
        return np.eye(3) + cross
    out: Array = np.eye(3) + np.sin(angle) / angle * cross + (1 - np.cos(angle)) / angle**2 * (cross @ cross)
    return out


def rotation_vector(rotation: Array) -> Array:
    """The inverse of `rotation_matrix`, angle below pi."""
    cosine = np.clip((np.trace(rotation) - 1) / 2, -1.0, 1.0)
    angle = float(np.arccos(cosine))
    skew = rotation - rotation.T
    axis = np.array([skew[2, 1], skew[0, 2], skew[1, 0]])
    norm = float(np.linalg.norm(axis))
    if norm < 1e-8:
        return np.zeros(3)
    out: Array = axis / norm * angle
    return out


def toward(fit: Fit) -> Array:
    """The way (3,) from the head to the camera, in head space."""
    way: Array = -fit.rotation.T @ fit.translation
    return way / float(np.linalg.norm(way))


def project(points_cam: Array, lens: Lens) -> Array:
    """Camera points (..., 3) to pixels (..., 2)."""
    out: Array = points_cam[..., :2] / points_cam[..., 2:] * lens.focal_px + lens.center_px
    return out


def default_lens(width: int, height: int, focal_mm: float = DEFAULT_MM) -> Lens:
    """A full-frame lens (36 mm along the longer side) centered on the picture."""
    return Lens(max(width, height) * focal_mm / 36.0, (width / 2, height / 2))


def fit_still(head: Head, found: Points, lens: Lens) -> tuple[Shot, Fit]:
    """Fit one picture: pose first, then identity and expression together, then the bias."""
    return fit_shot_identity(head, [found], lens)


def fit_shot_identity(head: Head, keys: list[Points], lens: Lens) -> tuple[Shot, Fit]:
    """Solve what the shot shares from a few key frames; returns it and the last key's fit.

    What points of one face err by is much the same in all of its frames, so the keys are thought to be turned
    too far by their mean: how the head moves between them stays.
    """
    shot, fits = fit_identity(head, keys, lens)
    told = [turned_too_far(head, key, fit, lens) for key, fit in zip(keys, fits, strict=True)]
    shot = replace(shot, turned=np.mean(told, axis=0))
    keys = [with_mended_gaze(key, fit, lens, shot.turned) for key, fit in zip(keys, fits, strict=True)]
    for _ in range(3):
        shot = solve_bias(head, shot, keys, fits)
        fits = [refine(head, shot, key, fit, steps=2) for key, fit in zip(keys, fits, strict=True)]
    return shot, fits[-1]


def straightened(rotation: Array, turned: Array) -> Array:
    """Rotations (..., 3, 3) of fits, camera from head, turned back by as much as they are turned too far:
    `turned` (3,) as a `Shot` has it."""
    return rotation @ rotation_matrix(-turned)


def fit_identity(
    head: Head, keys: list[Points], lens: Lens, priors: Sequence[Prior] | None = None
) -> tuple[Shot, list[Fit]]:
    """The person of the key frames without a bias, and every key's fit.

    `priors` are their expected expressions, for who knows them already.
    """
    expected = [expected_expression(head, key) for key in keys] if priors is None else priors
    shot = Shot(
        lens, np.zeros(len(head.point_identity)), np.zeros((dense.COUNT, 3)), head.point_mean.astype(float)
    )
    fits = [start_pose(shot, key) for key in keys]
    for round_ in range(ROUNDS):
        # Only of the last round it is asked where eyes look.
        look = refine if round_ == ROUNDS - 1 else posed
        fits = [
            look(head, shot, key, fit, 2, prior) for key, fit, prior in zip(keys, fits, expected, strict=True)
        ]
        shot = solve_identity(head, shot, keys, fits, identity_std=0.6 if round_ < ROUNDS / 2 else 1.0)
    return shot, fits


def start_pose(shot: Shot, found: Points) -> Fit:
    """Weak-perspective alignment of the rest shape (scaled orthography by least squares)."""
    weight = _weights(found)[SKIN]
    model = shot.rest[SKIN]
    center3 = np.average(model, axis=0, weights=weight)
    center2 = np.average(found.xy[SKIN], axis=0, weights=weight)
    root = np.sqrt(weight)[:, None]
    affine = np.linalg.lstsq((model - center3) * root, (found.xy[SKIN] - center2) * root, rcond=None)[0].T
    scale = float(np.mean(np.linalg.norm(affine, axis=1)))
    rows = affine / np.linalg.norm(affine, axis=1, keepdims=True)
    full = np.vstack([rows, np.cross(rows[0], rows[1])])
    u, _, vt = np.linalg.svd(full)
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    depth = shot.lens.focal_px / max(scale, 1e-6)
    ray = (center2 - shot.lens.center_px) / shot.lens.focal_px
    translation = np.array([ray[0] * depth, ray[1] * depth, depth]) - rotation @ center3
    return Fit(rotation, translation, np.zeros(len(ARKIT)), np.zeros((2, 2)))


def refine(
    head: Head, shot: Shot, found: Points, start: Fit, steps: int = 3, prior: Prior | None = None
) -> Fit:
    """Gauss-Newton for pose and expression of one frame, then gaze from the irises."""
    fit = posed(head, shot, found, start, steps, prior or expected_expression(head, found))
    fit = replace(fit, gaze=solve_gaze(head, shot, found, fit))
    return replace(fit, residual=residual(head, shot, found, fit))


def posed(head: Head, shot: Shot, found: Points, start: Fit, steps: int, prior: Prior) -> Fit:
    """Gauss-Newton for pose and expression of one frame; gaze and residual stay those of `start`."""
    fit, weight = start, _weights(found)
    for _ in range(steps):
        matrix, right = normal_equations(head, shot, found, fit, weight, prior)
        fit = apply_step(fit, solve_bounded(matrix, right, fit.expression))
    return fit


def normal_equations(
    head: Head, shot: Shot, found: Points, fit: Fit, weight: Array, prior: Prior
) -> tuple[Array, Array]:
    """The Gauss-Newton system (58, 58) and (58,) in pose step and expression step, the prior included.

    `weight` (POINTS,) as of `_weights`, `prior` as of `expected_expression`.
    """
    size = POSE + len(ARKIT)
    rows = 2 * (dense.SKIN_COUNT + len(PAIRS))
    columns, error = np.empty((rows, size)), np.empty(rows)
    _linearize(
        np.ascontiguousarray(shot.rest[SKIN]),
        _by_point(head)[SKIN],
        np.ascontiguousarray(fit.rotation),
        fit.translation,
        fit.expression,
        np.ascontiguousarray(found.xy[SKIN]),
        weight[SKIN],
        shot.lens.focal_px,
        *shot.lens.center_px,
        PAIRS,
        TOGETHER,
        columns,
        error,
    )
    matrix, right = columns.T @ columns, columns.T @ error
    mean, std = prior
    matrix[range(POSE, size), range(POSE, size)] += 1.0 / std**2
    right[POSE:] += (mean - fit.expression) / std**2
    return matrix, right


def conjugate(gaze: Array) -> Array:
    """Gaze (..., 2, 2), found of each eye by itself, as that of two eyes that look at one place."""
    both = gaze.mean(axis=-2, keepdims=True)
    turned_in = gaze[..., 1:, :1] - gaze[..., :1, :1]
    half = (TURNED_IN_RAD + TURNED_IN_SHARE * (turned_in - TURNED_IN_RAD)) / 2
    return np.concatenate([both, both], axis=-2) + np.concatenate(
        [np.concatenate([-half, half], axis=-2), np.zeros_like(gaze[..., :1])], axis=-1
    )


@njit(cache=True, nogil=True)
def _linearize(
    rest: Array,
    shapes: Array,
    rotation: Array,
    translation: Array,
    expression: Array,
    xy: Array,
    weight: Array,
    focal: float,
    center_x: float,
    center_y: float,
    pairs: NDArray[np.int64],
    together: float,
    columns: Array,
    error: Array,
) -> None:
    """Rows of the reprojection's Jacobian (2 N + 2 M, 58) and errors, times the roots of their weights.

    The last rows are what lies between the points of each of the M `pairs`.
    """
    local, seen = np.empty(3), np.empty(3)
    row = np.empty((2, 3))
    turned = np.empty((2, 3))
    roots = np.empty(len(rest))
    for n in range(len(rest)):
        for c in range(3):
            total = rest[n, c]
            for k in range(len(expression)):
                total += shapes[n, c, k] * expression[k]
            local[c] = total
        for c in range(3):
            seen[c] = rotation[c, 0] * local[0] + rotation[c, 1] * local[1] + rotation[c, 2] * local[2]
        x, y, z = seen[0] + translation[0], seen[1] + translation[1], seen[2] + translation[2]
        scale = focal / z
        off_x, off_y = xy[n, 0] - center_x - x * scale, xy[n, 1] - center_y - y * scale
        root = np.sqrt(CORRELATED * weight[n]) / (1.0 + weight[n] * (off_x * off_x + off_y * off_y) / FAR)
        roots[n] = root
        error[2 * n], error[2 * n + 1] = root * off_x, root * off_y
        row[0, 0], row[0, 1], row[0, 2] = root * scale, 0.0, -root * scale * x / z
        row[1, 0], row[1, 1], row[1, 2] = 0.0, root * scale, -root * scale * y / z
        for i in range(2):
            out = columns[2 * n + i]
            # The columns of a turn are those of a move, crossed with the turned point.
            out[0] = row[i, 2] * seen[1] - row[i, 1] * seen[2]
            out[1] = row[i, 0] * seen[2] - row[i, 2] * seen[0]
            out[2] = row[i, 1] * seen[0] - row[i, 0] * seen[1]
            for c in range(3):
                out[3 + c] = row[i, c]
                turned[i, c] = (
                    row[i, 0] * rotation[0, c] + row[i, 1] * rotation[1, c] + row[i, 2] * rotation[2, c]
                )
            for k in range(len(expression)):
                out[6 + k] = (
                    turned[i, 0] * shapes[n, 0, k]
                    + turned[i, 1] * shapes[n, 1, k]
                    + turned[i, 2] * shapes[n, 2, k]
                )
    for m in range(len(pairs)):
        a, b = pairs[m]
        both = together * min(roots[a], roots[b])
        for i in range(2):
            at, one, two = 2 * (len(rest) + m) + i, 2 * a + i, 2 * b + i
            error[at] = both * (error[one] / roots[a] - error[two] / roots[b])
            for k in range(columns.shape[1]):
                columns[at, k] = both * (columns[one, k] / roots[a] - columns[two, k] / roots[b])


@njit(cache=True, nogil=True)
def solve_bounded(matrix: Array, right: Array, expression: Array) -> Array:
    """Solve the step so that every weight stays within 0 to 1 (active set, few passes)."""
    size = len(right)
    free = np.ones(size, np.bool_)
    step = np.zeros(size)
    for _ in range(4):
        index = np.flatnonzero(free)
        count = len(index)
        inner, rest = np.empty((count, count)), np.empty(count)
        for i in range(count):
            rest[i] = right[index[i]]
            for j in range(size):
                if not free[j]:
                    rest[i] -= matrix[index[i], j] * step[j]
            for j in range(count):
                inner[i, j] = matrix[index[i], index[j]]
        step[index] = np.linalg.solve(inner, rest)
        done = True
        for k in range(len(expression)):
            value = step[POSE + k]
            low, high = -expression[k], 1.0 - expression[k]
            if free[POSE + k] and (value < low - 1e-9 or value > high + 1e-9):
                free[POSE + k] = False
                done = False
            step[POSE + k] = min(max(value, low), high)
        if done:
            break
    return step


def apply_step(fit: Fit, step: Array) -> Fit:
    """Move a fit by a Gauss-Newton step; rotation steps multiply from the left."""
    return replace(
        fit,
        rotation=rotation_matrix(step[:3]) @ fit.rotation,
        translation=fit.translation + step[3:6],
        expression=np.clip(fit.expression + step[POSE:], 0.0, 1.0),
    )


def solve_identity(head: Head, shot: Shot, keys: list[Points], fits: list[Fit], identity_std: float) -> Shot:
    """Linear least squares for the identity that all key frames share."""
    count = len(shot.identity)
    matrix = np.eye(count) / identity_std**2
    right = -shot.identity / identity_std**2
    columns = np.empty((2 * dense.SKIN_COUNT, count))
    for found, fit in zip(keys, fits, strict=True):
        camera = skin_points(head, shot, fit.expression) @ fit.rotation.T + fit.translation
        error = found.xy[SKIN] - project(camera, shot.lens)
        turned = projection_jacobian(camera, shot.lens) @ fit.rotation
        roots = np.sqrt(_robust(error, _weights(found)[SKIN], shot.lens, fit))
        _by_identity(turned, _by_point(head, "point_identity")[SKIN], roots, columns)
        matrix += columns.T @ columns
        right += columns.T @ (error * roots[:, None]).reshape(-1)
    identity = np.clip(shot.identity + np.linalg.solve(matrix, right), -3.0, 3.0)
    return with_person(head, shot, identity, shot.bias)


@njit(cache=True, nogil=True)
def _by_identity(turned: Array, shapes: Array, roots: Array, out: Array) -> None:
    """What identity's shapes (N, 3, K) do to pixels (2 N, K), times the `roots` (N,) of their weights.

    `turned` (N, 2, 3): what a move in head space does.
    """
    for n in range(len(shapes)):
        for i in range(2):
            x, y, z = roots[n] * turned[n, i, 0], roots[n] * turned[n, i, 1], roots[n] * turned[n, i, 2]
            for k in range(shapes.shape[2]):
                out[2 * n + i, k] = x * shapes[n, 0, k] + y * shapes[n, 1, k] + z * shapes[n, 2, k]


def point_rows(
    head: Head, identity: Array, found: Points, lens: Lens, fit: Fit
) -> tuple[Array, Array, Array]:
    """Reprojection of one picture: columns (2 N, K + 58) in identity, pose and expression step, errors and
    weights (2 N,)."""
    rest = head.point_mean[SKIN] + np.tensordot(identity, head.point_identity[:, SKIN], 1)
    shapes = _by_point(head)[SKIN]
    turned = (rest + shapes @ fit.expression) @ fit.rotation.T
    camera = turned + fit.translation
    error = found.xy[SKIN] - project(camera, lens)
    by_place = projection_jacobian(camera, lens)
    in_head = by_place @ fit.rotation
    by_identity = in_head @ _by_point(head, "point_identity")[SKIN]
    by_turn = np.cross(turned[:, None], by_place)
    columns = np.concatenate([by_identity, by_turn, by_place, in_head @ shapes], axis=2)
    weight = np.repeat(_robust(error, _weights(found)[SKIN], lens, fit), 2)
    return columns.reshape(len(weight), -1), error.reshape(-1), weight


def solve_bias(
    head: Head, shot: Shot, keys: list[Points], fits: list[Fit], bias_std_cm: float = 0.25
) -> Shot:
    """The 3D offset of every point that best explains what is left, small by a prior."""
    matrix = np.zeros((dense.SKIN_COUNT, 3, 3)) + np.eye(3) / bias_std_cm**2
    right = -shot.bias[SKIN] / bias_std_cm**2
    for found, fit in zip(keys, fits, strict=True):
        camera = skin_points(head, shot, fit.expression) @ fit.rotation.T + fit.translation
        error = found.xy[SKIN] - project(camera, shot.lens)
        turned = projection_jacobian(camera, shot.lens) @ fit.rotation
        w = _robust(error, _weights(found)[SKIN], shot.lens, fit)[:, None, None]
        matrix += w * np.einsum("nij,nik->njk", turned, turned)
        right += w[:, 0] * np.einsum("nij,ni->nj", turned, error)
    bias = shot.bias.copy()
    bias[SKIN] += np.linalg.solve(matrix, right[..., None])[..., 0]
    for side, (iris, rim) in enumerate(EYES):
        bias[np.r_[iris, rim]] = eyeball_bias(head, shot, keys, fits, side)
    return with_person(head, shot, shot.identity, bias)


def eyeball_bias(head: Head, shot: Shot, keys: list[Points], fits: list[Fit], side: int) -> Array:
    """By how much (3,) cm an eyeball lies elsewhere than the head's, for its iris to look as it is seen to.

    None where no key tells its gaze.
    """
    radius, seen = _ball_radius(head, side), []
    for found, fit in zip(keys, fits, strict=True):
        if found.gaze is not None:
            turned = direction(fit.gaze[side]) - direction(found.gaze[side])
            seen.append(shot.bias[EYES[side][0]] + radius * turned)
    if not seen:
        return np.zeros(3)
    out: Array = np.mean(seen, axis=0)
    return out * min(1.0, EYEBALL_CM / max(float(np.linalg.norm(out)), 1e-9))


def _ball_radius(head: Head, side: int) -> float:
    """From an eyeball's center to its iris, cm."""
    return float(np.linalg.norm(head.point_mean[EYES[side][0]] - head.eye_centers[side]))


def with_person(head: Head, shot: Shot, identity: Array, bias: Array) -> Shot:
    """The same shot with another person in it; keeps `rest` in step."""
    moved = _by_point(head, "point_identity").reshape(-1, len(identity)) @ identity
    rest = head.point_mean + moved.reshape(-1, 3) + bias
    return replace(shot, identity=identity, bias=bias, rest=rest)


def skin_points(head: Head, shot: Shot, expression: Array) -> Array:
    """The person's skin points (SKIN_COUNT, 3) in head space under an expression."""
    moved = _by_point(head)[SKIN].reshape(-1, len(expression)) @ expression
    out: Array = shot.rest[SKIN] + moved.reshape(-1, 3)
    return out


def skin_px(head: Head, shot: Shot, fit: Fit) -> Array:
    """Where in the picture (SKIN_COUNT, 2) the person's skin lies as `fit` says, correctives included."""
    local = skin_points(head, shot, fit.expression)
    if fit.corrective is not None:
        local = local + fit.corrective
    return project(local @ fit.rotation.T + fit.translation, shot.lens)


def _by_point(head: Head, basis: str = "point_expression") -> Array:
    """A basis of the points as (POINTS, 3, shapes), made once a head."""
    made = _BY_POINT.get((id(head), basis))
    if made is None:
        shapes = getattr(head, basis).transpose(1, 2, 0)
        made = _BY_POINT[id(head), basis] = np.ascontiguousarray(shapes.astype(np.float64))
    return made


def solve_gaze(head: Head, shot: Shot, found: Points, fit: Fit) -> Array:
    """Yaw and pitch of both eyes: the direction in which the found iris lies, seen from the eye's center."""
    gaze = np.zeros((2, 2))
    for side, (iris, rim) in enumerate(EYES):
        center = head.eye_centers[side] + shot.identity @ head.point_identity[:, iris] + shot.bias[iris]
        radius = _ball_radius(head, side)
        ids = np.r_[iris, rim]
        weight = 1.0 / np.maximum(found.sigma_px[ids], 1e-3) ** 2
        seen = np.average(found.xy[ids], axis=0, weights=weight)
        toward = np.array([*((seen - shot.lens.center_px) / shot.lens.focal_px), 1.0])
        ray = fit.rotation.T @ toward
        origin = fit.rotation.T @ -fit.translation - center
        a, b, c = ray @ ray, ray @ origin, origin @ origin - radius**2
        root = b * b - a * c
        distance = (-b - np.sqrt(root)) / a if root > 0 else -b / a
        spot = origin + distance * ray
        spot /= np.linalg.norm(spot)
        angles = np.array([np.arctan2(spot[0], spot[2]), np.arcsin(np.clip(spot[1], -1, 1))])
        gaze[side] = np.clip(angles, -EYE_LIMIT_RAD, EYE_LIMIT_RAD)
    return gaze


def residual(head: Head, shot: Shot, found: Points, fit: Fit) -> float:
    """Mean distance of visible points from their projection, in inter-ocular distances."""
    camera = skin_points(head, shot, fit.expression) @ fit.rotation.T + fit.translation
    error = np.linalg.norm(found.xy[SKIN] - project(camera, shot.lens), axis=1)
    return float(np.average(error, weights=found.visible[SKIN] + 1e-3) / interocular(found.xy))


def misfit(head: Head, shot: Shot, found: Points, fit: Fit) -> float:
    """Robust sum of squared reprojection errors in deviations, ten neighboring points counted as one."""
    camera = skin_points(head, shot, fit.expression) @ fit.rotation.T + fit.translation
    squared = _weights(found)[SKIN] * ((found.xy[SKIN] - project(camera, shot.lens)) ** 2).sum(axis=1)
    return float((squared / (1.0 + squared / FAR)).sum() * CORRELATED)


def interocular(points_px: Array) -> float:
    """Distance of the outer eye corners in pixels, never zero."""
    return max(float(np.linalg.norm(points_px[36] - points_px[45])), 1e-3)


def _weights(found: Points) -> Array:
    """Inverse variance of every point, less for what is hidden."""
    sigma = np.maximum(found.sigma_px, 0.004 * interocular(found.xy))
    out: Array = (0.15 + 0.85 * found.visible) / sigma**2
    return out


def _robust(error: Array, weight: Array, lens: Lens, fit: Fit) -> Array:
    """Down-weight outliers (Geman-McClure) beyond three deviations; scaled so that priors stay comparable."""
    squared = weight * (error**2).sum(axis=1)
    out: Array = weight / (1.0 + squared / FAR) ** 2
    return out * CORRELATED


def projection_jacobian(camera: Array, lens: Lens) -> Array:
    """d pixel / d camera point, (N, 2, 3)."""
    inverse = lens.focal_px / camera[:, 2]
    out = np.zeros((len(camera), 2, 3))
    out[:, 0, 0] = out[:, 1, 1] = inverse
    out[:, 0, 2] = -inverse * camera[:, 0] / camera[:, 2]
    out[:, 1, 2] = -inverse * camera[:, 1] / camera[:, 2]
    return out


def _cross(v: Array) -> Array:
    return np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
