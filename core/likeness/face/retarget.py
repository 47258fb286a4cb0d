"""From a driver's performance to the poses a plate's head shall take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.errors import BadRequest
from likeness.face.corrective import strengths
from likeness.face.expected import LOOK_PITCH_RAD, LOOK_YAW_RAD
from likeness.face.fit import (
    EYE_LIMIT_RAD,
    HEAD_TO_CAMERA,
    PIVOT,
    SKIN,
    Array,
    Fit,
    conjugate,
)
from likeness.face.report import load_report
from likeness.head import points as dense
from likeness.head.model import Head, load_head
from likeness.performance import ARKIT, REGIONS, Performance, angles, make, rotations

Float = NDArray[np.floating[Any]]

FOUND_SHUT = 0.026  # of the outer corners' distance: so far open a shut eye is found, by held-out renders
RESTING_LIDS = 0.1  # a neutral frame whose lids hang farther was taken while they moved
USUAL_FRAMES = 10  # as many tell how far eyes are open mostly
LEAST_LID = 0.35  # of the average lid's way: eyes that seem narrower are not believed
INNER = slice(17, 48)  # the points of brows, nose and eyes
_INDEX = {name: i for i, name in enumerate(ARKIT)}

BLINKS = [_INDEX["eyeBlinkLeft"], _INDEX["eyeBlinkRight"]]
LOWERING = [[_INDEX[f"eyeBlink{side}"], _INDEX[f"eyeLookDown{side}"]] for side in ("Left", "Right")]
LOWERS = np.array([1.0, 0.8])  # how far each of them takes an upper lid, in blinks
OPENING = [
    _INDEX[name]
    for name in (
        "jawOpen",
        "mouthClose",  # holds lips together on an open jaw
        "mouthLowerDownLeft",
        "mouthLowerDownRight",
        "mouthUpperUpLeft",
        "mouthUpperUpRight",
    )
]
# What a driver does beyond its neutral takes a plate beyond its rest: a little of the opposite shape.
LEAST_WEIGHT, MOST_WEIGHT = np.full(len(ARKIT), -0.3), 1.2
ON_THE_WAY = 0.1  # a plate that does so much more than a driver at rest may do the same: so unsure both are
LEAST_WEIGHT[[_INDEX["jawOpen"], _INDEX["tongueOut"]]] = 0.0


@dataclass(frozen=True)
class Driver:
    """A performance, and where in the camera its head sits on the neck: `position` (F, 3).

    `arm` (3,) leads from there to the face's middle, in head space. `body` (F, 2): how far across and down
    the body has gone, NaN where that is unknown. `corrective` (F, SKIN_COUNT or 1, 3): how far skin lies
    beside where the performance puts it, 0 where that is unknown. All are in cm of a head of average size,
    for a camera does not tell how large a head is and how far away.
    """

    performance: Performance
    position: Array
    arm: Array
    body: Array
    corrective: Float


def from_findings(found: Mapping[str, Any], fps: float) -> Driver:
    """A driver from what was found of a face (`likeness.face.findings`)."""
    pose, face = (found["rotation"], found["translation"]), (found["expression"], found["gaze"])
    driver = from_fits(*pose, *face, fps, found["rest"], found["cuts"])
    size, _ = build(found["rest"].mean(axis=0))
    driver = replace(driver, corrective=found["corrective"] / np.float16(size))
    if "body" not in found or len(found["cuts"]):
        return driver
    first = int(np.argmax(found["found"]))
    return replace(driver, body=found["body"] * driver.position[first, 2] / found["focal_px"][0])


def from_fits(
    rotation: Array,
    translation: Array,
    expression: Array,
    gaze: Array,
    fps: float,
    rest: Array | None = None,
    cuts: Sequence[int] = (),
) -> Driver:
    """A driver from fitted frames: `rotation` (F, 3, 3), `translation` (F, 3), `expression` (F, 52),
    `gaze` (F, 2, 2) yaw and pitch with up positive. With `rest` (S, POINTS, 3), the points at rest of the
    person of every shot, between `cuts`, blinks are told by how far these eyes can close from where their
    lids are mostly. Mouths open as far as
    they did, not as far as they are found open."""
    expression = expression.copy()
    expression[:, OPENING] = np.clip(expression[:, OPENING] / load_report().opening, 0, 1)
    edges = [0, *cuts, len(expression)]
    for start, end, person in zip(edges, edges[1:], () if rest is None else rest, strict=False):
        shot = expression[start:end]
        scale = lid_range(load_head(), person, shot)
        shot[:, BLINKS] = np.clip((shot[:, BLINKS] - usual_lids(shot)) * scale, 0, 1)
    head = angles(HEAD_TO_CAMERA @ rotation)
    eyes = np.concatenate([conjugate(gaze) * [1.0, -1.0], np.zeros((*gaze.shape[:2], 1))], axis=2)
    size, arm = build(None if rest is None else rest.mean(axis=0))
    position = (rotation @ PIVOT + translation) / size
    made = make(expression, fps=fps, head=head, eyes=eyes)
    return Driver(made, position, arm / size, *_unknown(len(position)))


def build(rest: Array | None = None) -> tuple[float, Array]:
    """How large a head with these points at rest (POINTS, 3) is, where the average is 1, and its arm, cm.

    That leads (3,) from where the head sits on the neck to the face's middle. Without points: the average's.
    """
    if rest is None:
        return 1.0, _usual_build()[1]
    return _size(rest) / _usual_build()[0], rest[INNER].mean(axis=0) - PIVOT


@cache
def _usual_build() -> tuple[float, Array]:
    mean = load_head().point_mean.astype(np.float64)
    return _size(mean), mean[INNER].mean(axis=0) - PIVOT


def _size(points: Array) -> float:
    return float(points[SKIN].std(axis=0).sum())


def lid_range(head: Head, rest: Array, expression: Array) -> Array:
    """What a found blink of 1 closes of each eye (2,), of the way that its lids have.

    The shape closes the eyes of the average head. Narrower eyes close sooner, and an eye that is shut is
    still found a little open. `rest` (POINTS, 3) and `expression` (F, 52) tell how far they are open mostly.
    """
    shut = FOUND_SHUT * float(np.linalg.norm(rest[36] - rest[45]))
    out = []
    for shape, side in zip(BLINKS, ("left", "right"), strict=True):
        upper, lower = (dense.GROUPS[f"lid_{side}_{edge}"][3:-3] for edge in ("upper", "lower"))
        moved = head.point_expression[:, :, 1]
        opens = moved[:, upper].mean(axis=1) - moved[:, lower].mean(axis=1)
        height = float(rest[upper, 1].mean() - rest[lower, 1].mean())
        if len(expression) >= USUAL_FRAMES:
            height = min(height, height + float(np.median(expression @ opens)))
        travel = -float(opens[shape])
        out.append(travel / max(height - shut, LEAST_LID * travel))
    return np.clip(out, 1, 1 / LEAST_LID)


def from_performance(performance: Performance) -> Driver:
    """A driver from a performance file; gaze comes from its shapes where it has no eye rotations."""
    if not np.abs(performance.eyes).max() > 0:
        performance = replace(performance, eyes=_eyes_from_shapes(performance))
    position = np.zeros((len(performance), 3))
    return Driver(performance, position, build()[1], *_unknown(len(position)))


def _unknown(frames: int) -> tuple[Array, Float]:
    """Body and correctives that nobody knows."""
    return np.full((frames, 2), np.nan), np.zeros((frames, 1, 3), np.float16)


def between(track: Float, frames: int) -> Float:
    """What is known of every frame (F, …), stretched or shrunk to so many frames."""
    at = np.linspace(0, len(track) - 1, frames)
    before = at.astype(int)
    after = np.minimum(before + 1, len(track) - 1)
    share = (at - before).reshape(-1, *[1] * (track.ndim - 1))
    return (track[before] * (1 - share) + track[after] * share).astype(track.dtype)


def _eyes_from_shapes(performance: Performance) -> NDArray[np.float32]:
    def curve(name: str) -> NDArray[np.float32]:
        return performance[name]

    eyes = np.zeros((len(performance), 2, 3), np.float32)
    for side, (name, outward) in enumerate((("Left", 1.0), ("Right", -1.0))):
        eyes[:, side, 0] = outward * LOOK_YAW_RAD * (curve(f"eyeLookOut{name}") - curve(f"eyeLookIn{name}"))
        eyes[:, side, 1] = LOOK_PITCH_RAD * (curve(f"eyeLookDown{name}") - curve(f"eyeLookUp{name}"))
    return eyes


def neutral_frame(driver: Driver) -> int:
    """The calmest frame: the least expression, eyes as open as mostly, the head where it mostly is."""
    weights = driver.performance.weights
    blinks = weights[:, BLINKS]
    shut = np.maximum(blinks - np.median(blinks, axis=0), 0).sum(axis=1)
    energy = (weights**2).sum(axis=1) - (blinks**2).sum(axis=1) + 2 * shut
    head = driver.performance.head
    energy = energy + ((head - np.median(head, axis=0)) ** 2).sum(axis=1) * 10
    return int(np.argmin(energy))


def usual_lids(expression: Array) -> Array:
    """How far the lids hang mostly (2,), in blinks, by frames of one person (F, 52); 0 by too few."""
    if len(expression) < USUAL_FRAMES:
        return np.zeros(len(BLINKS))
    out: Array = np.median(expression[:, BLINKS], axis=0)
    return out


def lid_lowering(before: Fit, after: Fit) -> Array:
    """How much farther the upper lids (2,) hang after than before, in blinks."""
    out: Array = (after.expression[LOWERING] - before.expression[LOWERING]) @ LOWERS
    return out


def region_gains(params: Mapping[str, Any]) -> Array:
    """One factor a shape (52,) from the strength parameters `strength` and `strength_REGION`."""
    gains = np.ones(len(ARKIT))
    for region, names in REGIONS.items():
        for name in names:
            gains[_INDEX[name]] = params["strength"] * params.get(f"strength_{region}", 1.0)
    return gains


def sliders(table: Mapping[str, float]) -> Array:
    """Slider values by ARKit name (52,); a foreign name raises `BadRequest`."""
    out = np.zeros(len(ARKIT))
    for name, value in table.items():
        if name not in _INDEX:
            raise BadRequest(f"There is no facial shape '{name}'.", "Use ARKit's names, such as jawOpen.")
        out[_INDEX[name]] = value
    return out


def _left(plate: Array, calm: Array) -> Array:
    """How much of a driver's rise from its `calm` is left to each shape (52,) of a `plate` on its way."""
    out: Array = np.clip(1 + ON_THE_WAY + calm - plate, 0, 1)
    return out


def target(
    plate: Fit,
    rest: Array,
    driver: Driver | None,
    frame: int,
    neutral: int | None,
    params: Mapping[str, Any],
    lids: Array | float = 0.0,
) -> Fit:
    """The plate's fit, of a person with these points at `rest` (POINTS, 3), under frame `frame` (an index)
    of the driver.

    With `neutral` (an index) the driver's change from that frame is added to the plate's own expression; of
    a rise only as much as the plate has left. Without it, the driver's expression replaces the plate's;
    without a driver, sliders are added to it. Only where something is added weights may lie a little outside
    0 to 1: a plate may smile fully by itself. `lids` (2,): how far the plate's hang mostly, in blinks; a
    driver's are told from there (`from_fits`).
    """
    extra = sliders(params["weights"])
    if driver is None:
        return replace(plate, expression=np.clip(plate.expression + extra, LEAST_WEIGHT, MOST_WEIGHT))
    gains = region_gains(params)
    still = 0 if neutral is None else neutral
    weights, head, eyes = (
        each[[frame, still]].astype(np.float64)
        for each in (driver.performance.weights, driver.performance.head, driver.performance.eyes[..., :2])
    )
    eyes *= [1.0, -1.0]
    gaze_gain = params["strength"] * params["strength_gaze"]
    if neutral is None:
        weights[0, BLINKS] = lids + weights[0, BLINKS] * (1 - lids)
        expression = weights[0] * gains + plate.expression * (1 - np.clip(gains, 0, 1))
        look = conjugate(plate.gaze)  # what eyes are found beside it stays: it is how they lie in the fit
        gaze = plate.gaze - look + eyes[0] * gaze_gain + look * (1 - np.clip(gaze_gain, 0, 1))
        turn = rotations(head[0] * params["strength_head"])
        rotation = HEAD_TO_CAMERA @ turn if params["strength_head"] > 0 else plate.rotation
        least, most = np.zeros(len(ARKIT)), 1.0
    else:
        calm = weights[1]
        calm[BLINKS] = np.minimum(calm[BLINKS], RESTING_LIDS)
        rise = (weights[0] - calm) * gains
        expression = plate.expression + rise * np.where(rise > 0, _left(plate.expression, calm), 1)
        gaze = plate.gaze + (eyes[0] - eyes[1]) * gaze_gain
        there, calmly = rotations(head)
        change = calmly.T @ there
        turn = rotations(angles(change) * params["strength_head"])
        rotation = plate.rotation @ turn
        least, most = LEAST_WEIGHT, MOST_WEIGHT
    size, arm = build(rest)
    way = params["head_position"] * size * (driver.position[frame] - driver.position[still])
    body = params["head_position"] * size * (driver.body[frame] - driver.body[still])
    beside = driver.corrective[frame] - (0 if neutral is None else driver.corrective[still])
    share = strengths(load_head(), gains)
    beside = size * share * beside
    own = 0 if plate.corrective is None else plate.corrective
    if neutral is None:
        own = own * (1 - np.clip(share, 0, 1))  # it is replaced
    # the face is to swing as far as the driver's does
    about = PIVOT + params["head_position"] * (arm - size * driver.arm)
    return replace(
        plate,
        rotation=rotation,
        translation=plate.translation + (plate.rotation - rotation) @ about + way,
        expression=np.clip(expression + extra, least, most),
        gaze=np.clip(gaze, -EYE_LIMIT_RAD, EYE_LIMIT_RAD),
        body=body if np.isfinite(body).all() else None,
        corrective=(beside + own).astype(np.float32),
    )
