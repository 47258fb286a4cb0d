"""Measures the house head against the head data: `python -m likeness.training.evaluate_head --data FOLDER`.

Every data vertex of face, back of the head and neck is attached to the house head's surface; what is
compared is how far both move for the same shape.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness.head import points as dense
from likeness.head.model import Head, load_head
from likeness.performance import ARKIT
from likeness.training import facekit
from likeness.training.facekit import FaceKit, load_facekit
from likeness.training.head import expression_shapes
from likeness.training.remesh import barycentric

Float = NDArray[np.float64]
Int = NDArray[np.integer]

PEOPLE, CANDIDATES, SUBSET = 40, 30, 7


def attach(head: Head, wanted: Float) -> tuple[Int, Float]:
    """Corners (N, 3) and weights (N, 3) on the house head's skin nearest to `wanted` (N, 3)."""
    skin, mean = head.part("skin"), head.mean.astype(float)
    _, near = cKDTree(mean[skin].mean(1)).query(wanted, k=CANDIDATES)
    corners = skin[near.ravel()]
    repeated = np.repeat(wanted, CANDIDATES, 0)
    weights = barycentric(repeated, mean[corners])
    away = np.linalg.norm((weights[..., None] * mean[corners]).sum(1) - repeated, axis=1)
    best = away.reshape(-1, CANDIDATES).argmin(1) + CANDIDATES * np.arange(len(wanted))
    return corners[best], weights[best]


def evaluate(head: Head, kit: FaceKit) -> dict[str, float]:
    """Errors in millimetres: mean over vertices, of the mean over shapes or random people."""
    skin = slice(*facekit.SKIN)
    corners, weights = attach(head, kit.vertices[skin].astype(float))
    shapes = expression_shapes(kit)[: len(ARKIT) - 1]

    def on_skin(basis: NDArray[np.float32]) -> Float:
        return np.einsum("nc,...ncd->...nd", weights, basis[..., corners, :].astype(float))

    def millimetres(difference: Float) -> Float:
        return np.linalg.norm(difference, axis=-1).mean(-1) * 10

    expression = np.array(
        [millimetres(on_skin(head.expression_basis[i]) - shapes[i, skin]) for i in range(len(shapes))]
    )
    modes = np.stack([on_skin(mode) for mode in head.identity_basis])
    flat = modes[:, ::SUBSET].reshape(len(modes), -1).T
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(PEOPLE):
        person = np.tensordot(rng.standard_normal(len(kit.identity)), kit.identity[:, skin].astype(float), 1)
        found = np.linalg.lstsq(flat, person[::SUBSET].ravel(), rcond=None)[0]
        errors.append(millimetres(np.tensordot(found, modes, 1) - person))
    points = np.linalg.norm(
        head.point_expression[: len(shapes), : dense.SKIN_COUNT] - shapes[:, dense.SOURCE_VERTEX], axis=2
    )
    rest = np.linalg.norm(head.point_mean[: dense.SKIN_COUNT] - kit.vertices[dense.SOURCE_VERTEX], axis=1)
    return {
        "expression_mean_mm": float(expression.mean()),
        "expression_worst_shape_mm": float(expression.max()),
        "identity_mean_mm": float(np.mean(errors)),
        "identity_worst_person_mm": float(np.max(errors)),
        "points_at_rest_mean_mm": float(rest.mean() * 10),
        "points_at_rest_worst_mm": float(rest.max() * 10),
        "points_expression_mean_mm": float(points.mean() * 10),
        "points_expression_worst_mm": float(points.max() * 10),
    }


def main() -> None:
    """Print the errors as a list for the model's card."""
    import sys

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    for name, value in evaluate(load_head(), load_facekit(parser.parse_args().data)).items():
        sys.stdout.write(f"- {name}: {value:.3f}\n")


if __name__ == "__main__":
    main()
