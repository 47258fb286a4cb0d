"""References that the plate's own camera took: each is a plate of its own, with its own head, neck and body.

Where two pictures show the same background, heads and bodies need not be put from one into the other: what a
reference shows is redrawn where it is, from less far than from the plate. Each also shows some of what is
behind the others' heads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.face import clothes
from likeness.face.align import Texture, laid, take_texture
from likeness.face.backdrop import gain
from likeness.face.body import cut_body
from likeness.face.cutout import NEAR_PEOPLE, Cutout
from likeness.face.findings import fit_of, lens_of, prefixed, shot_of, under
from likeness.face.fit import Fit, Shot, fit_identity, interocular, refine, solve_bias
from likeness.face.heads import Stand
from likeness.face.landmarks import Points
from likeness.face.part import Spot
from likeness.face.person import build_person
from likeness.face.references import looked_at, own_bias
from likeness.face.rig import Rig, build_rig, face_width
from likeness.face.taken import Taken
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.media.look import Look, Shown
from likeness.render.bands import in_turn
from likeness.render.distance import depth

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]
Array = NDArray[np.float64]

CELLS = 96  # so many across are compared of two pictures
ABOUT = np.array([0.8, 1.3]), np.array([0.8, 0.5])  # sizes of a face about its middle: up left, down right
ALIKE = 0.03  # of display codes: backgrounds that differ by more are not the same
MOST = 0.8  # of the cells are to be alike: somebody may walk by
FEWEST = 100  # cells of background tell
COLLAR = np.array([0.6, 0.5])  # sizes of a face aside of the chin and below it: there are clothes
DRESSED = 0.15  # of display codes: clothes that differ by more are others
SURE = 0.012  # of the distance of the eyes: so exactly points of a reference are known
TELLING = 3  # so many pictures tell more of a person than the plate alone
SHOWN = 0.02  # of alpha: less of a head is none
STEPS, ROUNDS = 6, 3  # to fit the plate's person to a reference, and to lay it onto its points and texture


def same_view(one: Look, other: Look, points: Array, others: Array) -> bool:
    """Whether two pictures show the same background, and clothes of the same color.

    Their faces' `points` and `others` (POINTS, 2) tell where these are: beside heads, above chins; below.
    """
    if one.shape != other.shape:
        return False
    cell = max(1, one.shape[1] // CELLS)
    rows, columns = (n // cell for n in one.shape)
    first, second = (picture.whole(cell)[:rows, :columns] for picture in (one, other))
    x: Any = (np.arange(columns) + 0.5) * cell
    y: Any = (np.arange(rows)[:, None] + 0.5) * cell
    back = np.ones((rows, columns), bool)
    for face in (points, others):
        middle, size = face.mean(axis=0), np.ptp(face, axis=0)
        low, high = middle - ABOUT[0] * size, middle + ABOUT[1] * size
        back &= (x < low[0]) | (x > high[0]) | (y < low[1])
        back &= y < high[1]
    off = np.abs(first - second).max(axis=2)[back]
    if len(off) < FEWEST or float((off < ALIKE).mean()) <= MOST:
        return False
    worn = [_worn(picture, face, x, y) for picture, face in ((first, points), (second, others))]
    return (
        not all(map(len, worn)) or float(np.abs(np.subtract(*(w.mean(axis=0) for w in worn))).max()) < DRESSED
    )


def _worn(picture: Float, face: Array, x: Array, y: Array) -> Float:
    """The colors (N, 3) of a picture, whose cells lie at `x` and `y`, below a face's chin."""
    aside, below = COLLAR * np.ptp(face, axis=0)
    out: Float = picture[(np.abs(x - face[8, 0]) < aside) & (y > face[8, 1]) & (y < face[8, 1] + below)]
    return out


@dataclass(frozen=True)
class View:
    """The plate's person as a reference of the same view shows it; `fit` has its body's way, if known."""

    shot: Shot
    fit: Fit


def find(
    head: Head,
    plate: Look,
    own: Mapping[str, Any],
    look: Callable[[int], Look],
    lent: Mapping[str, Any],
    device: str,
) -> dict[str, Any]:
    """What the references that the camera of the `plate`, a still, took tell of its person, and their views.

    `own` is what was found of the plate, `lent` of the references (`references.find`), which `look` shows.
    Returns `views_same` (N,) bool. If there are any, all that `views_of` asks for begins with `views_`; and
    with `plate_`, in place of `own`, the plate's fit as the person whom all these pictures show.
    """
    first, others = own["points"][0].astype(np.float64), lent["points"]
    seen = [_kept(look(int(frame))) for frame in lent["frames"]]
    same = np.array([same_view(plate, one, first, xy) for one, xy in zip(seen, others, strict=True)])
    out: dict[str, Any] = {"views_same": same}
    if not same.any():
        return out
    alike = [plate, *(seen[k] for k in np.flatnonzero(same))]
    places = np.stack([first, *others[same]])
    keys = [looked_at(one, xy, device) for one, xy in zip(alike, places, strict=True)]
    shot, fit = shot_of(own, 0), fit_of(own, 0)
    person, fits = fit_identity(head, keys, shot.lens)
    if len(keys) >= TELLING:
        shot, fit = own_bias(head, person, keys[0], fits[0])
        fit = replace(fit, gaze=own["gaze"][0])
        out |= _arrays("plate", [View(shot, fit)])
    texture = take_texture(head, shot, keys[0], fit)
    out |= _arrays(
        "views", [view(head, shot, texture, *each) for each in zip(keys[1:], fits[1:], strict=True)]
    )
    way = clothes.follow(alike.__getitem__, range(len(alike)), np.ones(len(alike), bool), places)[1:]
    return out | {"views_body": way * fit.translation[2] / shot.lens.focal_px}


def _arrays(prefix: str, views: Sequence[View]) -> dict[str, Any]:
    """Persons and fits by name, as `findings.find` has them."""
    fits = ("rotation", "translation", "expression", "gaze", "residual")
    out = {name: np.stack([getattr(one.fit, name) for one in views]) for name in fits}
    out |= {
        name: np.stack([getattr(one.shot, name) for one in views]) for name in ("identity", "bias", "rest")
    }
    return prefixed(prefix, out)


def _kept(look: Look) -> Look:
    """A look at all of a picture, in eight bits: read once, it needs little room."""
    return Shown(np.round(255 * np.clip(np.nan_to_num(look.whole()), 0, 1)).astype(np.uint8))


def views_of(findings: Mapping[str, Any]) -> list[View | None]:
    """The views of what `find` found, None where a reference is none."""
    found, lens = under("views", findings), lens_of(under("plate", findings))
    numbers = np.cumsum(found["same"]) - 1
    return [
        View(
            Shot(lens, *(found[name][k] for name in ("identity", "bias", "rest"))),
            replace(fit_of(found, k), body=found["body"][k] if np.isfinite(found["body"][k]).all() else None),
        )
        if same
        else None
        for k, same in zip(numbers.tolist(), found["same"].tolist(), strict=True)
    ]


def view(head: Head, person: Shot, texture: Texture, found: Points, fit: Fit) -> View:
    """The plate's `person` laid onto a reference, whose points were `found`, from what it was fitted with.

    Points found without the plate err otherwise than the plate's: skin is laid to where its `texture` is.
    """
    sigma = np.full(len(found.xy), SURE * interocular(found.xy))
    sure = replace(found, sigma_px=sigma, visible=np.ones(len(sigma)))
    out = refine(head, person, sure, fit, steps=STEPS)
    person, out = _onto(head, person, sure, out)
    for _ in range(ROUNDS):
        there = laid(head, person, texture, sure, out)
        person, out = _onto(head, person, there, out)
        sure = replace(sure, xy=there.xy)
    return View(person, replace(out, gaze=fit.gaze))


def _onto(head: Head, person: Shot, found: Points, fit: Fit) -> tuple[Shot, Fit]:
    """The person, and its fit, so that its points lie where they were found."""
    for _ in range(ROUNDS):
        person = solve_bias(head, person, [found], [fit])
        fit = refine(head, person, found, fit, steps=2)
    return person, fit


def rig_of(view: View, rig: Rig) -> Rig:
    """The person of a view, with the facets of the plate's `rig`, whose size in the picture says how fine."""
    return replace(build_rig(build_person(rig.person.head, view.shot)), inside=rig.inside)


def stand(picture: Float, taken: Taken) -> Stand:
    """The reference `picture` (H, W, 3) in place of the plate; of it, its head is shown."""
    rows, columns = picture.shape[:2]
    shown = np.zeros((rows, columns), bool)
    (x, y), alpha = taken.cutout.origin, taken.cutout.layer[..., 3]
    shown[y : y + len(alpha), x : x + alpha.shape[1]] = alpha > SHOWN
    return Stand(picture, None, taken.fit, (0, 0, columns, rows), shown, neck=True)


def uncover(pictures: Sequence[Taken]) -> list[Taken]:
    """The same pictures of one view: where some show the background behind another's head, it is no guess."""
    worn = [_body(one) for one in pictures]
    bare = [_bare(*each) for each in zip(pictures, worn, strict=True)]
    return [
        replace(one, cutout=_uncovered(one, k, worn[k], pictures, bare)) for k, one in enumerate(pictures)
    ]


def _body(taken: Taken) -> Mask:
    """Where (H, W) a picture's body is, or goes on behind the head."""
    body = cut_body(taken.plate, taken.cutout, taken.pixels[-dense.COUNT :, :2])
    out = np.zeros(taken.plate.shape[:2], bool)
    out[body.top :] = body.layer[..., 3] > 0
    return out


def _bare(taken: Taken, body: Mask) -> Mask:
    """Where (H, W) a picture shows nothing of head and `body` (H, W), of what is before them and close by."""
    cutout, out = taken.cutout, ~body
    there = out[_box(cutout)]
    there &= cutout.layer[..., 3] <= 0
    if cutout.front is not None:
        there &= cutout.front[..., 3] <= 0
    out = depth(out) > NEAR_PEOPLE * face_width(taken.pixels[-dense.COUNT :])
    out &= np.isfinite(taken.plate[..., :3]).all(axis=2)
    return out


def _uncovered(taken: Taken, own: int, body: Mask, pictures: Sequence[Taken], bare: Sequence[Mask]) -> Cutout:
    """The cutout of the picture that is its `own` of them; each is `bare` (H, W) of people there.

    The more the head covers, the less its surroundings tell of what is behind. Where its `body` (H, W) goes
    on, that is not the background.
    """
    cutout, (rows, columns) = taken.cutout, _box(taken.cutout)
    others = [k for k in range(len(pictures)) if k != own]
    light = [gain(taken.plate, pictures[k].plate, bare[own] & bare[k]) for k in others]
    clean = cutout.clean.copy()
    for some in in_turn(0, len(clean)):
        part, alpha = clean[some], cutout.layer[some, :, 3:]
        there = slice(rows.start + some.start, rows.start + some.stop), columns
        hidden = (alpha[..., 0] > 0) & ~body[there]
        seen = np.full((len(others), *part.shape), np.nan, np.float32)
        for n, k in enumerate(others):
            shown = hidden & bare[k][there]
            seen[n][shown] = light[n] * pictures[k].plate[there][shown][:, :3]
        known = np.asarray(np.isfinite(seen).all(axis=3).any(axis=0))
        part[known] += alpha[known] * (np.nanmedian(seen[:, known], axis=0) - part[known])
    return replace(cutout, clean=clean)


def _box(cutout: Cutout) -> Spot:
    (x, y), (rows, columns) = cutout.origin, cutout.clean.shape[:2]
    return slice(y, y + rows), slice(x, x + columns)
