"""What eyes and mouth show is laid over lids and lips: beneath its edge these go on."""

from __future__ import annotations

import numpy as np

from likeness.face.openings import Ink, lay_mouth

LIP, SKIN, DARK = (0.4, 0.1, 0.1), (0.9, 0.8, 0.7), (0.05, 0.02, 0.02)


def laid(color: np.ndarray, edge: float = 0.5) -> np.ndarray:
    """A dark mouth over `color` (6, 6, 3): its first two rows show the lip, the third in part."""
    cover = np.ones((6, 6), np.float32)
    cover[:2], cover[2] = 0, edge
    ink = np.broadcast_to(np.array(DARK, np.float32), (6, 6, 3)).copy()
    lay_mouth(Ink(ink, cover, 0, 0), color, np.zeros((6, 6), np.float32))
    return color


def lip() -> np.ndarray:
    """A lip whose inner edge is followed by skin, where there is no mesh."""
    color = np.broadcast_to(np.array(LIP, np.float32), (6, 6, 3)).copy()
    color[2:] = SKIN
    return color


def test_no_skin_from_beyond_the_lip_shines_through_the_mouths_edge() -> None:
    for edge in (0.1, 0.5, 0.9):
        out = laid(lip(), edge)
        np.testing.assert_allclose(
            out[2], edge * np.array(DARK) + (1 - edge) * np.array([LIP] * 6), atol=1e-6
        )
        np.testing.assert_allclose(out[:2], np.array(LIP)[None, None].repeat(2, 0).repeat(6, 1), atol=1e-6)
        np.testing.assert_allclose(out[3:], np.array(DARK)[None, None].repeat(3, 0).repeat(6, 1), atol=1e-6)


def test_a_pixel_that_is_not_finite_spreads_to_none_beside_it() -> None:
    color = lip()
    color[1, 2] = np.nan
    out = laid(color)
    assert np.isnan(out[1, 2]).all()
    assert np.isfinite(out[2:]).all()


def test_an_edge_without_a_lip_beside_it_keeps_what_is_beneath() -> None:
    color = np.broadcast_to(np.array(SKIN, np.float32), (6, 6, 3)).copy()
    ink = np.zeros((6, 6, 3), np.float32)
    lay_mouth(Ink(ink, np.full((6, 6), 0.5, np.float32), 0, 0), color, np.zeros((6, 6), np.float32))
    np.testing.assert_allclose(color, 0.5 * np.array(SKIN)[None, None].repeat(6, 0).repeat(6, 1), atol=1e-6)
