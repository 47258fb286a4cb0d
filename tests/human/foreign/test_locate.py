"""The face of a mesh is found from its front, however the mesh stands."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.head.model import load_head
from likeness.human.foreign.locate import find_face
from likeness.human.foreign.surface import Surface

EYES, MOUTH = slice(36, 48), slice(48, 60)


@pytest.mark.parametrize("seed", [15, 16, 18, 19])
def test_a_profile_that_comes_first_is_not_taken_for_the_front(seed: int) -> None:
    """With Z up and the face to -Y, its profile is looked at before its front, and is a face as well."""
    head = load_head()
    identity = np.random.default_rng(seed).standard_normal(len(head.identity_basis)).astype(np.float32)
    x, y, z = head.rest(identity).T
    standing = np.stack([x, -z, y], 1).astype(np.float32)
    found = find_face(Surface(standing, np.ascontiguousarray(head.levels[1])), "a head")
    points = np.full((68, 3), np.nan)
    points[found.rows[found.rows < 68]] = found.points[found.rows < 68]
    eyes, mouth = np.nanmean(points[EYES], axis=0), np.nanmean(points[MOUTH], axis=0)
    up = (eyes - mouth) / np.linalg.norm(eyes - mouth)
    across = np.nanmean(points[42:48], axis=0) - np.nanmean(points[36:42], axis=0)
    assert up[2] > 0.9, "Z is up"
    assert across[0] > 0.98 * np.linalg.norm(across), "the left eye at +X"
