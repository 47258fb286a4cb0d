"""The head cut from a real picture: its parts add up, and the background stands still when it turns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face.cutout import (
    BESIDE,
    TRACE,
    Cutout,
    _apart,
    _beyond,
    _covering,
    _hole,
    _joined,
    _leave,
    _mend,
    _refine,
    _strands,
    _stray,
    _take_along,
    backdrop_of,
    cut,
    found_at,
    regions_of,
)
from likeness.face.findings import fit_of, lens_of, shot_of
from likeness.face.fit import rotation_matrix
from likeness.face.landmarks import Crop
from likeness.face.person import build_person
from likeness.face.reenact import Retake, redraw
from likeness.face.regions import REGIONS, Regions
from likeness.face.rig import build_rig
from likeness.face.taken import take
from likeness.head.model import load_head


@pytest.fixture(scope="module")
def plate(shown: np.ndarray) -> np.ndarray:
    return (shown**2.2).astype(np.float32)


@pytest.fixture(scope="module")
def cutout(plate: np.ndarray, shown: np.ndarray, found: dict[str, np.ndarray]) -> Cutout:
    return cut(plate, shown, found["points"][0], regions_of(shown, found["points"][0]))


def test_head_over_clean_plate_is_the_plate(cutout: Cutout, plate: np.ndarray) -> None:
    (x, y), (height, width) = cutout.origin, cutout.clean.shape[:2]
    own = plate[y : y + height, x : x + width]
    again = cutout.layer[..., :3] + (1 - cutout.layer[..., 3:]) * cutout.clean
    assert np.abs(again - own).max() < 1e-5
    free = cutout.layer[..., 3] == 0
    assert free.mean() > 0.2
    assert cutout.clean[free].tobytes() == own[free].tobytes()


def test_the_matte_holds_face_and_hair(
    cutout: Cutout, plate: np.ndarray, found: dict[str, np.ndarray]
) -> None:
    (x, y), (height, width) = cutout.origin, cutout.clean.shape[:2]
    alpha = np.zeros(plate.shape[:2])
    alpha[y : y + height, x : x + width] = cutout.layer[..., 3]
    at = np.round(found["points"][0][17:68]).astype(int)
    assert (alpha[at[:, 1], at[:, 0]] == 1).all()
    assert alpha[45, 215] > 0.9  # hair above the forehead
    assert alpha[60, 330] < 0.05  # wall
    assert alpha[60, 120] < 0.05
    assert alpha[218, 251] < 0.05  # the dark sweater below the neck


def test_it_is_no_larger_than_the_head(cutout: Cutout) -> None:
    there = cutout.layer[..., 3] > 0
    rows, columns = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
    beside = (rows[0], columns[0], there.shape[0] - 1 - rows[-1], there.shape[1] - 1 - columns[-1])
    assert max(beside) <= BESIDE
    assert cutout.reach[2] > there.shape[1]


def test_the_background_stands_still_when_the_head_turns(
    plate: np.ndarray, shown: np.ndarray, found: dict[str, np.ndarray]
) -> None:
    fit, lens = fit_of(found, 0), lens_of(found)
    rig = build_rig(build_person(load_head(), shot_of(found)))
    taken = take(rig, plate, fit, lens, shown)
    turned = replace(fit, rotation=fit.rotation @ rotation_matrix(np.radians([0.0, 12.0, 0.0])))
    drawn = redraw(Retake(rig, taken, turned, lens, plate))
    assert drawn is not None
    assert taken.cutout is not None
    x, y = drawn.origin
    height, width = drawn.matte.shape
    own, color = (each[y : y + height, x : x + width] for each in (plate, drawn.picture))
    still = drawn.matte == 0
    assert color[still].tobytes() == own[still].tobytes()
    matte = np.zeros(plate.shape[:2], np.float32)
    matte[y : y + height, x : x + width] = drawn.matte
    assert (matte[20:150, 345:] == 0).all()  # the wall beside the hair
    assert (matte[20:150, :95] == 0).all()
    assert (drawn.matte > 0.99).sum() > 8_000
    assert np.isfinite(color).all()


def test_what_a_head_hides_other_frames_of_the_shot_show(
    cutout: Cutout, plate: np.ndarray, found: dict[str, np.ndarray]
) -> None:
    """The head before a striped wall, here and there, as a standing camera takes it."""
    (x, y), (height, width) = cutout.origin, cutout.clean.shape[:2]
    wall = np.where((np.arange(plate.shape[1]) // 12 % 2)[None, :, None], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5])
    wall = np.broadcast_to(wall, plate.shape).astype(np.float32)
    ways, points = (0, 50, -50), found["points"][0]

    def look(k: int) -> tuple[np.ndarray, np.ndarray]:
        head = np.zeros((*plate.shape[:2], 4), np.float32)
        head[y : y + height, x : x + width] = cutout.layer
        head = np.roll(head, ways[k], axis=1)
        own = head[..., :3] + (1 - head[..., 3:]) * wall
        return own, np.clip(own, 0, 1) ** np.float32(1 / 2.2)

    there = np.stack([points + np.array([way, 0], np.float32) for way in ways])
    backdrop = backdrop_of(look, there, plate.shape[:2], "cpu")
    assert backdrop is not None
    own, shown = look(0)
    regions = regions_of(shown, points)
    off = []
    for known in (None, backdrop):
        made = cut(own, shown, points, regions, backdrop=known)
        left, top = made.origin
        truth = wall[top : top + made.clean.shape[0], left : left + made.clean.shape[1]]
        rows = np.arange(len(truth)) + top < points[17:27, 1].mean()  # above the brows: no body
        hidden = (made.layer[..., 3] > 0.5) & rows[:, None]
        assert hidden.sum() > 500
        off.append(np.abs(made.clean - truth)[hidden].mean())
    assert off[1] < 0.6 * off[0]


def test_what_looks_like_what_is_behind_is_no_head() -> None:
    """A shelf's edge in the color of hair: as far as a shot shows it, and where nobody is seen for sure."""
    behind = np.full((12, 40, 3), 0.5, np.float32)
    behind[4:8] = 0.02
    own, alpha = behind * np.float32(1.01), np.full((12, 40), 0.8, np.float32)
    own[:, 30:] = 0.05
    own[5, 25] = np.nan
    sure, vague = np.ones_like(alpha), np.ones(alpha.shape, bool)
    sure[:, :5], vague[:, 5:10] = 0, False
    _leave(0, 12, own, behind, sure, vague, alpha)
    assert (alpha[:, :10] == np.float32(0.8)).all()
    assert (alpha[:, 10:24] == np.float32(TRACE)).all()
    assert (alpha[:, 31:] == np.float32(0.8)).all()
    assert alpha[5, 25] == np.float32(0.8)


def test_nothing_is_before_a_bare_face(cutout: Cutout) -> None:
    assert cutout.front is None


def test_a_microphone_stays_before_the_face(shown: np.ndarray, found: dict[str, np.ndarray]) -> None:
    points = found["points"][0]
    tall = float(np.ptp(points[17:68, 1]))
    x, y = points[66] + [0.1 * tall, 0.2 * tall]  # below the lips, over the chin
    row, column = np.mgrid[: shown.shape[0], : shown.shape[1]]
    ball = np.hypot(column + 0.5 - x, row + 0.5 - y) < 0.24 * tall
    stick = (np.abs(column + 0.5 - x) < 0.07 * tall) & (row > y)
    picture = np.where((ball | stick)[..., None], np.float32(0.2), shown).astype(np.float32)
    plate = (picture**2.2).astype(np.float32)
    cutout = cut(plate, picture, points, regions_of(picture, points))
    assert cutout.front is not None
    bare = cutout.bare(plate)
    middle = bare[int(y), int(x)]
    assert middle[0] > 1.2 * middle[2] and middle[0] > 0.1  # skin has been put under it
    redrawn, matte = bare * 0.5, np.ones(plate.shape[:2], np.float32)
    cutout.lay_front(redrawn, matte, (0, 0))
    deep = np.hypot(column + 0.5 - x, row + 0.5 - y) < 0.1 * tall
    np.testing.assert_allclose(redrawn[deep], plate[deep], atol=1e-6)
    assert matte[deep].max() == 0
    assert matte[int(points[30, 1]), int(points[30, 0])] == 1  # the nose is free


def cut_with(
    plate: np.ndarray, shown: np.ndarray, points: np.ndarray, name: str, *spots: tuple[slice, slice]
) -> Cutout:
    """The head cut out where the labels say `name` in some spots."""
    regions = regions_of(shown, points)
    alpha = regions.alpha.copy()
    for spot in spots:
        alpha[spot] = np.eye(len(REGIONS), dtype=np.float32)[REGIONS.index(name)]
    return cut(plate, shown, points, replace(regions, alpha=alpha))


def test_a_wall_that_looks_like_skin_is_no_face(
    plate: np.ndarray, shown: np.ndarray, found: dict[str, np.ndarray], cutout: Cutout
) -> None:
    beside_the_cheek = np.s_[53:80, :64]
    taken_in = cut_with(plate, shown, found["points"][0], "skin", beside_the_cheek)
    assert taken_in.layer[..., 3].sum() < 1.05 * cutout.layer[..., 3].sum()


def test_a_wall_that_looks_like_a_hat_is_none(
    shown: np.ndarray, found: dict[str, np.ndarray], cutout: Cutout
) -> None:
    """An even wall beside hair was taken for a hat, and moved with the head."""
    (x, y), gray = cutout.origin, np.array([0.4, 0.41, 0.42], np.float32)
    picture = np.broadcast_to(gray, shown.shape).copy()
    head = cutout.layer[..., 3:]
    spot = np.s_[y : y + len(head), x : x + head.shape[1]]
    picture[spot] += head * (shown[spot] - gray)
    beside_the_hair = np.s_[:50, :30]
    taken_in = cut_with(
        np.maximum(picture, 0) ** np.float32(2.2), picture, found["points"][0], "occluder", beside_the_hair
    )
    assert taken_in.layer[..., 3].sum() < 1.05 * cutout.layer[..., 3].sum()


def test_a_wall_of_skins_own_color_is_no_jaw(
    shown: np.ndarray, found: dict[str, np.ndarray], cutout: Cutout
) -> None:
    points = found["points"][0]
    mouth, chin, (x, y) = int(points[66, 1]), int(points[8, 1]), cutout.origin
    wall = np.zeros(shown.shape[:2], bool)
    wall[y : y + len(cutout.clean), x : x + cutout.clean.shape[1]] = cutout.layer[..., 3] < 0.5
    wall[:mouth] = wall[chin:] = False
    picture = np.where(wall[..., None], np.median(shown[mouth - 6 : mouth + 6, 210:260], axis=(0, 1)), shown)
    linear = (picture**2.2).astype(np.float32)
    plain, taken_in = (
        cut_with(linear, picture, points, "skin", *spots) for spots in ((), (np.s_[80:96, 27:51],))
    )
    assert taken_in.layer[..., 3].sum() < plain.layer[..., 3].sum() + 60


def test_clothes_that_hang_on_the_neck_by_a_thread_are_no_head(
    plate: np.ndarray, shown: np.ndarray, found: dict[str, np.ndarray], cutout: Cutout
) -> None:
    shoulder, thread = np.s_[99:125, 11:37], np.s_[104:108, 37:64]
    taken_in = cut_with(plate, shown, found["points"][0], "neck", shoulder, thread)
    assert taken_in.layer[..., 3].sum() < 1.05 * cutout.layer[..., 3].sum()


def test_hair_is_told_from_the_face(shown: np.ndarray, found: dict[str, np.ndarray]) -> None:
    points = found["points"][0]
    tall = float(np.ptp(points[17:68, 1]))
    above = points[27] - [0, 1.1 * tall]
    # The outline beside the ears borders on hair: cheeks are between it and the nose.
    cheeks = (points[[2, 14, 29, 30]] + points[[31, 35, 29, 30]]) / 2
    hair, skin = (found_at(regions_of(shown, points), p, "hair") for p in (above[None], cheeks))
    assert hair.min() > 0.7 and skin.max() < 0.1


def test_what_is_no_head_stays_in_the_background() -> None:
    own = np.full((1, 4, 3), 0.1, np.float32)
    alpha = np.array([0.004, 0.004, 0.9, 0.0], np.float32)[None, :, None]
    filled = np.array([0.5, 0.11, 0.5, 0.5], np.float32)[None, :, None] * np.ones(3, np.float32)
    color, clean = _apart(own, alpha, filled, alpha > 0, (alpha > 0) & (alpha < 0.1))
    np.testing.assert_allclose((color + (1 - alpha) * clean)[:, :3], own[:, :3], atol=1e-6)
    assert clean[0, 0, 0] < 0.25  # a fill so far off was wrong: here the plate shows the background
    np.testing.assert_allclose(clean[0, 1:], filled[0, 1:])
    assert not color[0, 3].any()


def test_a_light_hair_before_a_dark_wall_leaves_the_background() -> None:
    own = np.array([0.2, 0.02], np.float32)[None, :, None] * np.ones(3, np.float32)
    filled, thin = np.full((1, 2, 3), 0.06, np.float32), np.ones((1, 2, 1), bool)
    alpha = np.full((1, 2, 1), 0.2, np.float32)
    color, clean = _apart(own, alpha, filled, thin, thin)
    np.testing.assert_allclose(color + (1 - alpha) * clean, own, atol=1e-6)
    assert clean[0, 0, 0] < 0.08  # the hair went along
    assert color[0].min() > -0.02  # and what is darker than the fill takes no light away elsewhere


def test_beside_bare_skin_nothing_of_its_color_is_head() -> None:
    y, x = np.mgrid[:120, :120] + 0.5
    head, shelf = np.hypot(x - 60, y - 60) < 30, (np.abs(y - 60) < 3) & (x < 60)
    picture = np.where((head | shelf)[..., None], [0.8, 0.6, 0.5], [0.2, 0.3, 0.4]).astype(np.float32)
    guess, no_face = head.astype(np.float32), np.zeros((120, 120), np.float32)
    skin, hair = (_refine(picture, guess, no_face, 4.0, bare) for bare in (guess, no_face))
    beside = np.s_[60, 18:25]
    assert hair[beside].min() > 0.8  # a strand of hair would be kept
    assert skin[beside].max() == 0
    assert skin[60, 60] == hair[60, 60] == 1


def test_a_highlight_on_skin_is_head_though_its_color_is_the_walls() -> None:
    x = np.tile(np.arange(160) + 0.5, (160, 1))
    skin, shine = x < 80, (x > 68) & (x < 80)
    picture = np.where(skin[..., None], [0.3, 0.2, 0.15], [0.42, 0.43, 0.45])
    picture = np.where(shine[..., None], [0.62, 0.58, 0.55], picture).astype(np.float32)
    guess, no_face = (x < 83).astype(np.float32), np.zeros((160, 160), np.float32)
    alpha = _refine(picture, guess, no_face, 14.0, guess)
    assert alpha[80, 70:80].min() > 0.9
    assert alpha[80, 81:].max() < 0.1


def test_a_line_that_meets_a_neck_is_no_part_of_it() -> None:
    """A collar's outline before a light wall looked like a mixture of wall and skin, and turned with it."""
    y, x = np.mgrid[:120, :120] + 0.5
    neck, line = np.clip(60 - x + 0.2 * y, 0, 1), (np.abs(y - 60 - 0.3 * (x - 72)) < 1) & (x > 70)
    picture = np.float32([0.8, 0.8, 0.85]) + neck[..., None] * np.float32([-0.3, -0.45, -0.6])
    outlined = np.where(line[..., None], [0.6, 0.55, 0.6], picture).astype(np.float32)
    guess, no_face = (neck > 0.5).astype(np.float32), np.zeros((120, 120), np.float32)
    plain, collar = (
        _refine(each.astype(np.float32), guess, no_face, 4.0, guess) for each in (picture, outlined)
    )
    assert plain[line & (neck <= 0)].max() < 0.05
    assert collar[line & (neck <= 0)].max() < 0.1
    np.testing.assert_allclose(collar[:50], plain[:50], atol=0.05)  # elsewhere the edge is as soft as it was


def test_beside_skin_the_background_is_trusted_sooner_than_beside_hair() -> None:
    alpha = np.zeros((120, 200), np.float32)
    alpha[40:80, 60:140] = 1
    skin = np.zeros(alpha.shape, bool)
    skin[40:80, 100:140] = True
    hole, bare = _hole(alpha, skin, 1000.0)
    assert bare[60, 140] and not bare[60, 60]
    left, right = np.flatnonzero(hole[60])[[0, -1]]
    assert left == 60 - 20 and right == 139 + 4


def test_a_lock_is_whole_and_a_strand_is_thin() -> None:
    y, x = np.mgrid[:120, :120] + 0.5
    head = np.hypot(x - 60, y - 70) < 30
    lock, strand = np.hypot(x - 60, y - 38) < 14, (np.abs(x - 84) < 1.5) & (y > 30) & (y < 70)
    picture = np.where((lock | strand)[..., None], [0.45, 0.3, 0.15], [0.9, 0.6, 0.3])
    picture = np.where(head[..., None], [0.15, 0.1, 0.05], picture).astype(np.float32)
    none = np.zeros((120, 120), np.float32)
    alpha = _refine(picture, head.astype(np.float32), none, 4.0, none)
    assert alpha[36, 60] == 1  # lighter than the hair beside it, but no wall shines through
    assert 0.2 < alpha[40, 84] < 0.8
    assert alpha[40, 20] == 0


def test_a_faint_patch_beside_hair_stays_behind_and_a_strand_goes_along() -> None:
    """A wall's edge in the color of hair hung on both sides of a head that had moved."""
    y, x = np.mgrid[:160, :160] + 0.5
    head = np.hypot(x - 60, y - 80) < 30
    patch, strand = (np.abs(y - 70) < 8) & (x > 80) & (x < 112), (np.abs(y - 100) < 1) & (x > 60) & (x < 110)
    picture = np.where(patch[..., None], [0.6, 0.5, 0.4], [0.4, 0.4, 0.4])
    picture = np.where((head | strand)[..., None], [0.8, 0.6, 0.4], picture).astype(np.float32)
    none = np.zeros(head.shape, np.float32)
    alpha = _refine(picture, head.astype(np.float32), none, 4.0, none)
    assert alpha[65:70, 104:108].max() < 0.08
    assert alpha[100, 100:106].min() > 0.6


def test_what_is_not_joined_to_the_head_is_none_of_it() -> None:
    alpha = np.zeros((40, 40), np.float32)
    alpha[:, :10], alpha[20, 10:30], alpha[5, 20:30] = 1, 0.6, 0.6  # a strand, and a patch of landscape
    joined = _joined(alpha, alpha == 1)
    assert joined[5].max() == 1 and joined[5, 10:].max() == 0
    assert (joined[20] == alpha[20]).all()


def test_no_head_is_darker_than_black() -> None:
    """Where the plate is too dark for its fill to shine through, the head covers it more."""
    own = np.array([[[0.1, 0.02, 0.05]]], np.float32)
    alpha, clean = np.full((1, 1, 1), 0.6, np.float32), np.full((1, 1, 3), 0.5, np.float32)
    somewhere = np.ones((1, 1, 1), bool)
    cover = _covering(own, alpha, clean, somewhere, np.zeros_like(own))
    color, behind = _apart(own, cover, clean, somewhere, ~somewhere)
    assert cover[0, 0, 0] == pytest.approx(1 - 0.02 / 0.5)
    assert color.min() > -1e-6
    assert np.allclose(color + (1 - cover) * behind, own, atol=1e-6)


def test_hair_that_is_covered_too_little_leaves_no_ring_in_its_opposite_color() -> None:
    """Brown hair before a yellow wall left a red line: it was told to cover less green than it hides."""
    own, wall, hair = (
        np.array(color, np.float32)[None, None]
        for color in ([0.37, 0.11, 0.03], [0.8, 0.33, 0.06], [0.29, 0.08, 0.024])
    )
    told, somewhere = np.full((1, 1, 1), 0.67, np.float32), np.ones((1, 1, 1), bool)
    cover = _covering(own, told, wall, somewhere, hair)
    color, clean = _apart(own, cover, wall, somewhere, ~somewhere)
    _mend(own, color, clean, cover, ~somewhere, hair)
    assert cover[0, 0, 0] < 0.75
    assert (np.abs(clean / wall - 1) < 0.13).all()  # green was darker by a fifth
    assert np.allclose(color + (1 - cover) * clean, own, atol=1e-6)


def test_a_soft_jaw_leaves_no_ring_behind() -> None:
    """Next to the matte a faint mixture of skin and wall is head; collar and the wall's own grain are not."""
    wall, skin = np.float32([0.004, 0.003, 0.008]), np.float32([0.6, 0.4, 0.3])
    mixtures = [wall + share * (skin - wall) for share in (0.03, 0.1)]
    own = np.array([[*mixtures, [0, 0.001, 0.004], [0.006, 0.004, 0.05], [0.9, 0.9, 0.9]]], np.float32)
    fill, usually = np.broadcast_to(wall, own.shape).copy(), np.broadcast_to(skin, own.shape).copy()
    alpha, there = np.full((1, 5, 1), 0.004, np.float32), np.ones((1, 5, 1), bool)
    cover = _covering(own, alpha, fill, there, usually)
    assert np.allclose(cover[0, :, 0], [0.03, 0.1, 0.004, 0.004, 0.004], atol=1e-4)
    color, clean = _apart(own, cover, fill, there, ~there)
    _mend(own, color, clean, cover, ~there, usually)
    assert np.allclose(clean[0, :2], wall, atol=1e-5)
    assert np.allclose(color + (1 - cover) * clean, own, atol=1e-6)


def test_stray_strands_go_with_the_head_and_the_wall_stays() -> None:
    """Strands that the matte hardly holds stayed behind as ghosts of a head that had moved."""
    wall, hair = np.float32([0.05, 0.05, 0.06]), np.float32([0.4, 0.3, 0.2])
    fill, usually = np.broadcast_to(wall, (40, 60, 3)).copy(), np.broadcast_to(hair, (40, 60, 3)).copy()
    own = fill.copy()
    own[:, 20] += 0.5 * (hair - wall)  # a strand
    own[:, 40:] += 0.5 * (hair - wall)  # a part of the wall that the fill knows nothing of
    own[:, 30] *= 0.5  # a gap in it, darker where hair is lighter
    own[5, 5] = np.nan
    thin = np.ones((40, 60), bool)
    share, part = _stray(own, fill, thin, usually, 3)
    layer, clean = np.zeros((40, 60, 4), np.float32), own.copy()
    _take_along(own, fill, share, part, layer, clean)
    assert np.allclose(layer[8:, 20, 3], 0.5, atol=1e-3) and np.allclose(clean[8:, 20], wall, atol=1e-4)
    assert not layer[:, 21:, 3].any() and (clean[:, 21:] == own[:, 21:]).all()
    whole = layer[..., :3] + (1 - layer[..., 3:]) * clean
    assert np.allclose(whole[6:], own[6:], atol=1e-6)


def test_a_walls_specks_are_no_head() -> None:
    """Brushwork that is a little like the head leaves the background, and the matte, whole."""
    alpha = np.zeros((200, 200), np.float32)
    alpha[60:140, 60:140] = 1.0
    alpha[20:50:5, 20:180:7] = 0.04
    alpha[61, 140:180] = 0.3  # a strand that hangs on the head
    hole, _ = _hole(alpha, np.zeros(alpha.shape, bool), 200.0)
    assert not hole[:55].any()
    assert hole[61, 175] and hole[100, 100]


def test_beyond_the_networks_crop_the_head_ends_where_its_color_does() -> None:
    cells, beyond, scarf = 16, 8, 3
    head = np.zeros((cells, cells), np.float32)
    head[6:10, 6:] = 1
    shown = np.full((cells, cells + beyond, 3), 0.1, np.float32)
    shown[6:10, 6 : cells + scarf] = 0.8
    matrix = np.array([[cells, 0, 0], [0, cells, 0]], float)
    found = _beyond(head, beyond, shown, matrix)[beyond:-beyond, beyond:]
    assert (found[:, :cells] == head).all()
    assert found[6:10, cells : cells + scarf].min() > 0.9
    assert found[:, cells + scarf :].max() < 0.3


def test_a_jaw_before_a_wall_that_was_filled_wrongly_has_no_opposite_color() -> None:
    own, fill = (np.array([[each]], np.float32) for each in ((0.3, 0.2, 0.15), (0.8, 0.45, 0.1)))
    skin, hair = (np.array([[each]], np.float32) for each in ((0.6, 0.4, 0.3), (0.03, 0.02, 0.02)))
    alpha, thin = np.full((1, 1, 1), 0.2, np.float32), np.ones((1, 1, 1), bool)
    color, clean = _apart(own, alpha, fill, thin, thin)
    assert color[0, 0, 0] < 0 < color[0, 0, 2]
    for head in (skin, hair):
        mended, behind = color.copy(), clean.copy()
        _mend(own, mended, behind, alpha, thin, head)
        np.testing.assert_allclose(mended + (1 - alpha) * behind, own, atol=1e-6)
        if head is skin:
            assert (mended >= 0).all()
            assert (mended <= own).all()
        else:
            assert (mended == color).all()  # hair may darken


@pytest.mark.parametrize("alike", [False, True])
def test_hair_goes_on_where_the_network_saw_something_else_but_not_in_clothes_like_it(alike: bool) -> None:
    """A ponytail beside a collar was cut in two: its end was taken for what is before the person."""
    cells = 64
    hair, wall, cloth = (
        np.float32([0.7, 0.6, 0.4]),
        np.float32([0.3, 0.35, 0.3]),
        np.float32([0.15, 0.1, 0.12]),
    )
    cloth = hair * np.float32(0.9) if alike else cloth
    picture = np.broadcast_to(wall, (cells, cells, 3)).copy()
    alpha = np.zeros((cells, cells, len(REGIONS)), np.float32)
    alpha[..., REGIONS.index("background")] = 1
    for rows, columns, name, color in (
        (slice(8, 30), slice(20, 32), "hair", hair),
        (slice(30, 44), slice(24, 29), "occluder", hair),
        (slice(44, 64), slice(4, 60), "occluder", cloth),
    ):
        alpha[rows, columns] = np.eye(len(REGIONS), dtype=np.float32)[REGIONS.index(name)]
        picture[rows, columns] = color
    regions = Regions(alpha, alpha, alpha, Crop((32.0, 32.0), 64.0, 0.0))
    body = np.zeros((cells, cells), bool)
    body[48:] = True
    found = _strands(picture, regions, alpha[..., REGIONS.index("occluder")], body)
    tail = found[31:43, 25:28]
    assert tail.max() == 0 if alike else tail.min() > 0.5
    assert found[45:].max() == 0, "no clothes are hair"
