"""People from photos against known truth: pictures of people nobody was trained on, from known heads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.pictures import InMemory
from bench.table import Row
from likeness.head.model import Head, load_head
from likeness.human.photos import Photo, by_shading, solve, take, with_one_lens
from likeness.human.portrait import LIGHTS, View, develop, picture
from likeness.training.skin_shading import SIZE, Known, person

Float = NDArray[np.float32]

PEOPLE = (901, 902, 903, 904)
YAWS_DEG = (0.0, 38.0, -38.0)
CM_TO_MM = 10.0


def rows(people: tuple[int, ...] = PEOPLE) -> list[Row]:
    """Mean error of the face's surface from one view and from three, after a similarity alignment."""
    head = load_head()
    one, three, average = [], [], []
    for seed in people:
        known = person(head, seed)
        truth, photos = known.identity, views(known)
        one.append(surface_error_mm(head, by_shading(solve(photos[:1])).identity, truth))
        three.append(surface_error_mm(head, by_shading(solve(with_one_lens(photos))).identity, truth))
        average.append(surface_error_mm(head, np.zeros_like(truth), truth))
    nobody = float(np.mean(average))
    return [
        Row(
            "photos", "surface error, 1 view", float(np.mean(one)), "mm", nobody, "average head", at_most=2.5
        ),
        Row(
            "photos",
            "surface error, 3 views",
            float(np.mean(three)),
            "mm",
            nobody,
            "average head",
            at_most=1.5,
        ),
    ]


def views(known: Known) -> list[Photo]:
    """The person's pictures as the effect reads them."""
    out = []
    for yaw in YAWS_DEG:
        linear = picture(known.sitter, View(yaw), LIGHTS["soft"], SIZE)
        view = develop(linear)
        frames = np.asarray(np.clip(view, 0, 1) * 255 + 0.5, np.uint8)[None]
        out += take(
            InMemory(frames), [1], (SIZE, SIZE), lambda _, v=view, x=linear: (v, x), name=f"view {yaw:g}"
        )
    return out


def surface_error_mm(head: Head, found: Float, truth: Float) -> float:
    """Mean distance of the face's vertices in mm after the best similarity transform."""
    rows = head.regions["face"] > 0.5
    a, b = head.rest(found)[rows].astype(float), head.rest(truth)[rows].astype(float)
    a, b = a - a.mean(0), b - b.mean(0)
    u, s, vt = np.linalg.svd(a.T @ b)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    moved = (s * sign).sum() / (a**2).sum() * a @ (u * sign) @ vt
    return float(np.linalg.norm(moved - b, axis=1).mean() * CM_TO_MM)
