"""The inside of the mouth: lit, covered by the lips, and the plate's own where the plate shows it."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.fit import Shot, with_person
from likeness.face.inside import ALBEDO, Inside, inside_of, lit_between
from likeness.face.light import LUMA
from likeness.face.mouth import (
    FINE,
    TONGUE,
    UPPER_TEETH,
    _join_rows,
    _join_teeth,
    _reach_lips,
    _under_lip,
    draw_mouth,
    soften,
    take_mouth,
)
from likeness.face.person import LOWER_CM, Person, build_person, opening, to_camera, to_pixels
from likeness.face.warp import polygon
from likeness.head import points as dense
from likeness.head.model import Head
from tests.face.conftest import SIZE, Scene, expression, scene


class Mouth:
    """A person whose jaw is open, seen from the front."""

    def __init__(self, head: Head, jaw: float, cuts: int = 0, **more: float) -> None:
        truth: Scene = scene(head, 21, turn_deg=(0, 0, 0), jawOpen=jaw, **more)
        shot = Shot(truth.lens, truth.identity, np.zeros((dense.COUNT, 3)), head.point_mean.astype(float))
        self.person: Person = build_person(head, with_person(head, shot, truth.identity, shot.bias))
        self.inside: Inside = inside_of(head, cuts)
        camera = to_camera(
            self.person, self.person.posed(expression(jawOpen=jaw, **more)), truth.fit, truth.fit
        )
        pixels = to_pixels(camera, truth.lens)
        self.pixels = self.inside.at(pixels)
        self.outline = opening(self.person, pixels, "mouth")
        self.shade = np.ones_like(self.pixels)
        light = lit_between(self.inside, self.person, camera, red=1.0)
        self.lit, self.between = light.share, light.between

    def draw(
        self, plate: np.ndarray, light: float = 1.0, lip: np.ndarray | None = None, skin: float = np.inf
    ) -> tuple[np.ndarray, np.ndarray]:
        args = (self.inside, self.pixels, self.outline, self.shade * light, self.lit)
        source = take_mouth(plate, *args, lip, skin)
        box = (0, 0, *SIZE)
        shine = np.zeros_like(self.shade)
        drawn = (self.pixels, self.shade * light, shine, self.outline, self.lit, box)
        return draw_mouth(plate, source, self.inside, *drawn, between=self.between)


@pytest.fixture(scope="module")
def mouth(head: Head) -> Mouth:
    return Mouth(head, 0.5)


def plate_of(color: tuple[float, float, float]) -> np.ndarray:
    return np.broadcast_to(np.array(color, np.float32), (SIZE[1], SIZE[0], 3)).copy()


def test_closed_lips_show_nothing_of_it(head: Head) -> None:
    _, cover = Mouth(head, 0.0).draw(plate_of((0.5, 0.3, 0.2)))
    assert cover.sum() < 60


def test_it_fills_the_opening_and_nothing_else(mouth: Mouth) -> None:
    color, cover = mouth.draw(plate_of((0.5, 0.3, 0.2)))
    assert cover.sum() > 300
    assert (color[cover == 0] == 0).all()
    assert (color[cover > 0] > 0).all()


@pytest.mark.parametrize(("lower_cm", "most"), [(0.0, 0.0), (LOWER_CM, 0.01)])
def test_finer_facets_change_edges_alone(
    head: Head, lower_cm: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where teeth hang as low as ours, six pixels at their tips differ more than any elsewhere."""
    monkeypatch.setattr("likeness.face.person.LOWER_CM", lower_cm)
    mouth, finer = (Mouth(head, 0.5, cuts=cuts) for cuts in (0, 1))
    assert len(finer.inside.triangles) == 4 * len(mouth.inside.triangles)
    assert finer.between == pytest.approx(mouth.between, abs=0.02)
    plate = plate_of((np.nan, np.nan, np.nan))
    (one, cover), (two, same) = mouth.draw(plate), finer.draw(plate)
    assert (cover == same).all()
    apart = np.abs(one - two).max(axis=2)[cover > 0.99]
    assert np.median(apart) < 0.008 < apart.max()
    assert (apart >= 0.15).mean() <= most


def test_twice_the_light_is_twice_as_bright(head: Head) -> None:
    slightly = Mouth(head, 0.3)
    plate = plate_of((np.nan, np.nan, np.nan))
    one, cover = slightly.draw(plate)
    two, _ = slightly.draw(plate, light=2.0)
    assert np.allclose(two[cover > 0], 2 * one[cover > 0], rtol=1e-3)


def test_it_is_redder_than_it_is_green_or_blue(mouth: Mouth) -> None:
    color, cover = mouth.draw(plate_of((np.nan, np.nan, np.nan)))
    inside = color[cover > 0.99]
    assert inside[:, 0].mean() > 1.3 * max(inside[:, 1].mean(), inside[:, 2].mean())


def test_the_plates_own_inside_is_kept(mouth: Mouth) -> None:
    green = (0.1, 0.7, 0.1)
    color, cover = mouth.draw(plate_of(green))
    deep = cover > 0.99
    own = np.abs(color - green).max(axis=2) < 0.02
    assert own[deep].mean() > 0.2


def test_teeth_are_bright_and_nearly_white_under_white_light(head: Head) -> None:
    smiling = Mouth(head, 0.25, mouthSmile=0.8, mouthUpperUp=0.8)
    color, cover = smiling.draw(plate_of((np.nan, np.nan, np.nan)))
    brightest = np.quantile(color[cover > 0.99], 0.97, axis=0)
    assert brightest.min() > 0.25
    assert 0.9 * brightest[0] > brightest[2] > 0.7 * brightest[0]  # enamel: creamy, not yellow


def test_a_soft_plate_gets_a_soft_mouth(mouth: Mouth) -> None:
    color, cover = mouth.draw(plate_of((np.nan, np.nan, np.nan)))
    soft = soften(color, cover, np.zeros_like(cover), 2.0)
    inner = cover > 0.99
    steps = (np.abs(np.diff(picture, axis=0))[inner[1:]] for picture in (soft, color))
    less, more = (np.quantile(step, 0.999) for step in steps)
    assert less < 0.8 * more
    assert (soft[cover == 0] == color[cover == 0]).all()


def test_it_is_darker_toward_the_throat_and_red_at_the_corners(head: Head) -> None:
    color, cover = Mouth(head, 0.9).draw(plate_of((np.nan, np.nan, np.nan)))
    rows = np.flatnonzero((cover > 0.99).any(axis=1))
    middle = cover.sum(axis=0).argmax()
    upper, lower = (int(rows[0] + share * np.ptp(rows)) for share in (0.35, 0.8))
    assert color[upper, middle, 0] < 0.8 * color[lower, middle, 0]
    left = np.flatnonzero(cover[upper] > 0.99)[0]
    assert color[upper, left, 0] > 0.05


def test_corners_of_open_lips_show_what_lies_there(head: Head) -> None:
    """They were filled with the color of lips that hardly part."""
    color, cover = Mouth(head, 0.3, mouthSmile=0.8).draw(plate_of((np.nan, np.nan, np.nan)))
    columns = np.flatnonzero((cover > 0.99).any(axis=0))
    corner = slice(columns[0], columns[0] + len(columns) // 20)
    assert np.ptp((color @ LUMA)[:, corner][cover[:, corner] > 0.99]) > 0.05


def test_teeth_are_redder_right_at_their_lip(head: Head) -> None:
    smiling = Mouth(head, 0.25, mouthSmile=0.8, mouthUpperUp=0.8)
    color, cover = smiling.draw(plate_of((np.nan, np.nan, np.nan)))
    middle = int(np.average(np.arange(SIZE[0]), weights=cover.sum(axis=0)))
    top = int((cover[:, middle] > 0.99).argmax())
    pale = color[top : top + 10, middle, 2] / color[top : top + 10, middle, 0]
    assert pale[2] < 0.9 * pale.max()  # the first is in part the inner side of the lip


def test_pale_lips_redden_no_teeth(head: Head) -> None:
    smiling, plate = Mouth(head, 0.25, mouthSmile=0.8, mouthUpperUp=0.8), plate_of((np.nan, np.nan, np.nan))
    args = plate, smiling.inside, smiling.pixels, smiling.outline, smiling.shade, smiling.lit
    lips = np.array([[0.4, 0.4, 0.4], [0.5, 0.28, 0.3]], np.float32)
    pale, usual = (take_mouth(*args, lip) for lip in lips)
    assert pale.red == 0
    assert usual.red == 1
    gray, red = (_under_lip(lips.red) for lips in (pale, usual))
    assert gray.min() == gray.max() > 0.1
    assert red @ LUMA == pytest.approx(gray @ LUMA)
    assert red[0] < 0.05 < red[1]


def test_lips_that_hardly_part_show_no_teeth(head: Head) -> None:
    color, cover = Mouth(head, 0.07).draw(plate_of((np.nan, np.nan, np.nan)))
    seen = color[cover > 0.9]
    assert len(seen) > 20
    assert (seen[:, 0] > 2 * seen[:, 2]).mean() > 0.9


def test_nor_do_they_aslant(head: Head) -> None:
    slit = Mouth(head, 0.03)
    turn = np.array([[0.9, 0.436], [-0.436, 0.9]], np.float32)
    middle = slit.outline.mean(axis=0)
    slit.outline = ((slit.outline - middle) * [1, 0.3] @ turn + middle).astype(np.float32)
    slit.pixels[:, :2] = (slit.pixels[:, :2] - middle) @ turn + middle
    color, cover = slit.draw(plate_of((np.nan, np.nan, np.nan)))
    seen = color[cover > 0.2]
    assert len(seen) > 20
    assert (seen[:, 0] > 2 * seen[:, 2]).mean() > 0.9


def test_the_tongue_is_of_the_lips_hue_and_teeth_are_not(head: Head) -> None:
    wide = Mouth(head, 0.5, mouthUpperUp=0.8)
    seen = []
    for lip in ((0.5, 0.24, 0.21), (0.5, 0.4, 0.21)):
        color, cover = wide.draw(plate_of((np.nan, np.nan, np.nan)), lip=np.array(lip, np.float32))
        seen.append(color[cover > 0.99])
    teeth = seen[0][:, 2] > 0.8 * seen[0][:, 0]  # but where lips redden them
    assert 20 < teeth.sum() < 0.8 * len(teeth)
    reds = [[np.median(each[part, 0] / each[part, 1]) for part in (~teeth, teeth)] for each in seen]
    assert reds[1][0] < 0.9 * reds[0][0]
    assert reds[1][1] == pytest.approx(reds[0][1], rel=0.02)


def test_lips_that_part_on_a_closed_jaw_show_teeth_that_meet(head: Head) -> None:
    dark = []
    for jaw in (0.0, 0.5):
        grin = Mouth(head, jaw, mouthUpperUp=0.6, mouthLowerDown=0.7, mouthStretch=0.5)
        color, cover = grin.draw(plate_of((np.nan, np.nan, np.nan)))
        middle = np.abs(np.arange(SIZE[0]) - grin.outline[:, 0].mean()) < 0.15 * np.ptp(grin.outline[:, 0])
        seen = color[(cover > 0.99) & middle]
        assert len(seen) > 100
        dark.append(float((seen[:, 1] < 0.3).mean()))
    assert dark[0] < 0.01, "rows of teeth that meet have no black spots between"
    assert dark[1] > 0.35


def test_rows_of_teeth_that_nearly_meet_have_nothing_between() -> None:
    upper, lower, tongue = 0, 1, 2
    part = np.array([UPPER_TEETH, UPPER_TEETH + 1, TONGUE], np.int32)
    column = np.array([upper, upper, tongue, tongue, -1, lower, lower], np.int32)
    bary = np.arange(3 * len(column), dtype=np.float32).reshape(-1, 1, 3)
    for most, seen in ((3, [0, 0, 0, 1, 1, 1, 1]), (2, column.tolist())):
        index, weights = column[:, None].copy(), bary.copy()
        _join_rows(index, weights, part, most)
        assert index[:, 0].tolist() == seen
    index = column[::-1, None].copy()
    _join_rows(index, bary.copy(), part, 3)
    assert index[:, 0].tolist() == column[::-1].tolist(), "above the upper teeth are no lower ones"


def test_teeth_are_no_brighter_than_the_faces_lights(head: Head) -> None:
    color, cover = Mouth(head, 0.1, mouthSmile=0.8, mouthUpperUp=0.8).draw(
        plate_of((np.nan, np.nan, np.nan)), light=2.0, skin=0.7
    )
    assert 0.5 < np.quantile(color[cover > 0.99], 0.99) < 0.95


def test_lips_that_stay_show_the_plate_to_their_edges(mouth: Mouth) -> None:
    green = (0.1, 0.7, 0.1)
    source = take_mouth(plate_of(green), mouth.inside, mouth.pixels, mouth.outline, mouth.shade, mouth.lit)
    shares = []
    for grown in (1.0, 1.15):
        outline = mouth.outline.mean(axis=0) + grown * (mouth.outline - mouth.outline.mean(axis=0))
        args = (mouth.pixels, mouth.shade, np.zeros_like(mouth.shade), outline.astype(np.float32))
        color, cover = draw_mouth(plate_of(green), source, mouth.inside, *args, mouth.lit, (0, 0, *SIZE))
        shares.append((np.abs(color - green).max(axis=2) < 0.02)[cover > 0.99].mean())
    assert shares[0] > 0.88
    assert shares[1] < 0.8


def test_lips_that_nearly_close_show_none_of_the_teeth_they_showed(head: Head) -> None:
    """A strip of them stayed, white between closed lips."""
    green, mouth, slit = (0.1, 0.7, 0.1), Mouth(head, 0.5, mouthUpperUp=0.8), Mouth(head, 0.05)
    source = take_mouth(plate_of(green), mouth.inside, mouth.pixels, mouth.outline, mouth.shade, mouth.lit)
    args = (slit.pixels, slit.shade, np.zeros_like(slit.shade), slit.outline, slit.lit, (0, 0, *SIZE))
    color, cover = draw_mouth(plate_of(green), source, slit.inside, *args)
    seen = color[cover > 0.9]
    assert len(seen) > 20
    assert (seen[:, 1] < 0.5 * green[1]).all()


def test_a_mouth_wide_open_is_lit_to_its_tongue(head: Head) -> None:
    color, cover = Mouth(head, 0.9).draw(plate_of((np.nan, np.nan, np.nan)))
    rows, columns = np.nonzero(cover > 0.99)
    middle = columns[np.abs(columns - columns.mean()) < 0.15 * np.ptp(columns)]
    lower = slice(int(np.quantile(rows, 0.55)), int(np.quantile(rows, 0.75)))
    red, green, _ = np.median(color[lower, middle.min() : middle.max()], axis=(0, 1))
    assert 0.25 < red < 0.8  # of a white wall before the lips: as flesh is, not a dark hole
    assert red > 1.8 * green


def test_a_tooth_far_from_the_lip_does_not_reach_it() -> None:
    """In a mouth wide open, seen aslant, it stood upright as a bar of one color."""
    cover, lower = np.ones((40, 30), np.float32), list(ALBEDO).index("teeth_lower")
    for away, reaches in ((2, True), (9, False)):
        index = np.full((FINE * 40, FINE * 30), -1, np.int32)
        index[FINE * (40 - away - 4) : FINE * (40 - away)] = 0
        _reach_lips(cover, index, np.zeros((*index.shape, 3), np.float32), np.array([lower], np.int32))
        assert (index[-1] == 0).all() == reaches


def test_teeth_in_the_shade_are_warm_not_gray(mouth: Mouth) -> None:
    upper, lower = (
        np.unique(mouth.inside.triangles[mouth.inside.part == list(ALBEDO).index(f"teeth_{row}")])
        for row in ("upper", "lower")
    )
    front, shaded = mouth.lit[upper].max(axis=0), mouth.lit[lower][mouth.lit[lower][:, 0] < 0.5]
    assert np.allclose(front, front[0], rtol=0.1)
    assert len(shaded) > 20
    assert (shaded[:, 0] > 1.3 * shaded[:, 1]).all()


def test_teeth_that_the_plate_does_not_show_have_the_hue_of_light(mouth: Mouth) -> None:
    enamel, upper = np.array([0.8, 1.05, 1.1], np.float32), list(ALBEDO).index("teeth_upper")
    gains = []
    for plate in (plate_of((np.nan, np.nan, np.nan)), plate_of((0.6, 0.5, 0.4))):
        args = (plate, mouth.inside, mouth.pixels, mouth.outline, mouth.shade, mouth.lit)
        gains.append([take_mouth(*args, enamel=e).gain for e in (None, enamel)])
    assert np.allclose(gains[0][1][upper:], gains[0][0][upper:] * enamel)
    for bare, with_enamel in gains:
        assert np.array_equal(with_enamel[:upper], bare[:upper])


def test_seen_teeth_go_toward_the_hue_of_light_as_bright_as_they_are(mouth: Mouth) -> None:
    enamel, upper = np.array([0.8, 1.05, 1.1], np.float32), list(ALBEDO).index("teeth_upper")
    args = (plate_of((0.6, 0.4, 0.4)), mouth.inside, mouth.pixels, mouth.outline, mouth.shade, mouth.lit)
    seen, out = (take_mouth(*args, enamel=e).gain[upper] for e in (None, enamel))
    lit = np.quantile(mouth.shade[mouth.inside.teeth], 0.75, axis=0) * LUMA
    assert np.isclose(out @ lit, seen @ lit, rtol=1e-3)
    way, whole = np.log(out / seen), np.log(enamel / seen)
    share = np.ptp(way) / np.ptp(whole)
    assert 0.3 < share < 0.8
    assert np.allclose(way - way.mean(), share * (whole - whole.mean()), atol=1e-3)


def test_seen_teeth_are_as_pale_as_where_they_are_bare(head: Head) -> None:
    mouth = Mouth(head, 0.25, mouthSmile=0.8, mouthUpperUp=0.8)  # upper teeth, hardly any lower ones
    plate, upper = plate_of((0.8, 0.7, 0.6)), list(ALBEDO).index("teeth_upper")
    args = (mouth.inside, mouth.pixels, mouth.outline, mouth.shade, mouth.lit)
    bare = take_mouth(plate, *args).gain[upper]
    plate[:, ::2] *= np.array([0.6, 0.4, 0.4], np.float32)  # half of it is gaps
    assert np.allclose(take_mouth(plate, *args).gain[upper], bare, rtol=0.1)


def test_lips_between_the_lips_outlines_are_not_carried_as_teeth(mouth: Mouth) -> None:
    red, upper = np.array([0.5, 0.12, 0.12], np.float32), list(ALBEDO).index("teeth_upper")
    plate = plate_of((0.6, 0.55, 0.5))
    below = int(np.quantile(mouth.outline[:, 1], 0.6))
    plate[below:] = red
    args = (mouth.inside, mouth.pixels, mouth.outline, mouth.shade, mouth.lit)
    source = take_mouth(plate, *args, lip=red)
    teeth, lip = np.vsplit(source.own[upper], [below - source.origin[1]])
    assert teeth.max() == 1 and lip.max() == 0
    gray = plate.mean(axis=2, keepdims=True).repeat(3, axis=2)  # no hue tells them apart
    assert take_mouth(gray, *args, lip=gray[-1, -1]).own[upper][len(teeth) :].max() == 1


def test_teeth_on_the_tongue_are_not_carried_with_it(mouth: Mouth) -> None:
    """A yawn that was a grin in the plate had its teeth twice: made ones, and the plate's on the tongue."""
    red, tongue = np.array([0.5, 0.12, 0.12], np.float32), list(ALBEDO).index("tongue")
    args = (mouth.inside, mouth.pixels, mouth.outline, mouth.shade, mouth.lit)
    plate = plate_of((0.6, 0.55, 0.5))
    below = int(np.quantile(mouth.outline[:, 1], 0.6))
    plate[below:] = red
    source = take_mouth(plate, *args, lip=red)
    white, own = np.vsplit(source.own[tongue], [below - source.origin[1]])
    assert white.max() == 0 and own.max() == 1
    gray = plate.mean(axis=2, keepdims=True).repeat(3, axis=2)  # no hue tells them apart
    assert take_mouth(gray, *args, lip=gray[-1, -1]).own[tongue][: len(white)].max() == 1


def test_a_tongue_that_is_seen_is_made_in_its_own_hue(mouth: Mouth) -> None:
    """Beside the plate's own, what was made of the tongue was purple."""
    tongue, gum = (list(ALBEDO).index(name) for name in ("tongue", "gums"))
    args = (mouth.inside, mouth.pixels, mouth.outline, mouth.shade, mouth.lit)
    seen, albedo = np.array([0.4, 0.2, 0.15], np.float32), np.array(ALBEDO["tongue"], np.float32)
    gain = take_mouth(plate_of(tuple(seen)), *args).gain
    made = gain[tongue] * albedo
    assert np.allclose(made / made.max(), seen / seen.max(), atol=1e-3)
    assert np.isclose(gain[tongue] @ (albedo * LUMA), gain[gum] @ (albedo * LUMA), rtol=1e-3)


def test_a_row_of_teeth_is_the_plates_or_made_not_both(head: Head) -> None:
    green = np.array([0.1, 0.7, 0.1], np.float32)
    smile, grin = (Mouth(head, 0.1, mouthSmile=0.6, mouthUpperUp=up) for up in (0.3, 0.9))
    source = take_mouth(
        plate_of(tuple(green)), smile.inside, smile.pixels, smile.outline, smile.shade, smile.lit
    )
    shares = []
    for there in (smile, grin):
        args = (there.pixels, there.shade, np.zeros_like(there.shade), there.outline, there.lit)
        color, cover = draw_mouth(plate_of(tuple(green)), source, there.inside, *args, (0, 0, *SIZE))
        shares.append((color[..., 1] > 2 * color[..., 2])[cover > 0.99].mean())
    assert shares[0] > 0.9
    assert shares[1] == 0


def test_nothing_dark_is_seen_between_two_teeth() -> None:
    part = np.array([list(ALBEDO).index(name) for name in ("tongue", "teeth_upper")], np.int32)
    row = [0, 1, 1, 0, 0, 1, -1, 1, 0, 0, 0, 1, 0]
    index, bary = np.array([row], np.int32), np.random.default_rng(0).random((1, 13, 3)).astype(np.float32)
    weights = bary.copy()
    _join_teeth(index, bary, part, 2)
    assert index[0].tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0]
    assert (bary[0, 3:5] == weights[0, [2, 5]]).all()


def test_no_tooth_is_brighter_than_all_the_plate(head: Head) -> None:
    smiling = Mouth(head, 0.1, mouthSmile=0.8, mouthUpperUp=0.8)
    closed, brightest = Mouth(head, 0.0), []
    glint = plate_of((0.5, 0.5, 0.5))
    glint[5, 7] = 0.9
    for plate in (plate_of((0.9, 0.9, 0.9)), plate_of((0.5, 0.5, 0.5)), glint):
        source = take_mouth(
            plate, closed.inside, closed.pixels, closed.outline, closed.shade, closed.lit, skin=0.9
        )
        args = (smiling.pixels, smiling.shade, np.zeros_like(smiling.shade), smiling.outline, smiling.lit)
        color, cover = draw_mouth(plate, source, smiling.inside, *args, (0, 0, *SIZE))
        brightest.append(np.quantile(color[cover > 0.99], 0.99))
    assert brightest[1] == pytest.approx(brightest[0] * 5 / 9, rel=0.02)
    assert brightest[1] < 0.55
    assert brightest[2] == pytest.approx(brightest[0]), "a dim picture's eye may glint as teeth do"


def smile_and_row(head: Head, below: tuple[float, float, float]) -> tuple[Mouth, np.ndarray, int]:
    """A smile, and a plate that shows teeth in the upper half of it, `below` which is another color."""
    smile = Mouth(head, 0.2, mouthSmile=0.8, mouthUpperUp=0.6)
    plate = plate_of((0.6, 0.55, 0.5))
    edge = int(np.quantile(smile.outline[:, 1], 0.55))
    plate[edge:] = below
    return smile, plate, edge


def test_teeth_go_on_behind_the_lips_as_they_are_seen(head: Head) -> None:
    """Where a lip goes up, made teeth above the plate's own were read as a second row."""
    lip = np.array([0.5, 0.12, 0.12], np.float32)
    smile, plate, _ = smile_and_row(head, (0.6, 0.55, 0.5))
    stripes = np.linspace(0.8, 1.2, SIZE[0], dtype=np.float32)[:, None]
    plate *= stripes
    plate[polygon(smile.outline, 0, 0, *SIZE) <= 0] = lip
    source = take_mouth(plate, smile.inside, smile.pixels, smile.outline, smile.shade, smile.lit, lip=lip)
    sure = source.more[..., 3] > 0.9
    assert sure.sum() > 100
    assert not sure[source.own[list(ALBEDO).index("teeth_upper")] > 0.99].any()
    x = np.nonzero(sure)[1] + source.origin[0]
    near = np.abs(source.more[sure][:, :3] - (np.array([0.6, 0.55, 0.5]) * stripes[x])).max(axis=1)
    assert np.median(near) < 0.005


def test_what_is_no_number_does_not_go_on(head: Head) -> None:
    lip = np.array([0.5, 0.12, 0.12], np.float32)
    smile, plate, edge = smile_and_row(head, (0.6, 0.55, 0.5))
    plate[polygon(smile.outline, 0, 0, *SIZE) <= 0] = lip
    plate[edge - 8 : edge, ::3] = (np.inf, 0.5, 0.5)
    plate[edge - 8 : edge, 1::3] = np.nan
    source = take_mouth(plate, smile.inside, smile.pixels, smile.outline, smile.shade, smile.lit, lip=lip)
    sure = source.more[..., 3] > 0
    assert sure.any()
    assert np.isfinite(source.more[sure]).all()


def test_no_tooth_is_drawn_where_the_plate_shows_none(head: Head) -> None:
    """Teeth that end higher than the model's had a second row below them."""
    lip, gum = np.array([0.5, 0.12, 0.12], np.float32), (0.4, 0.1, 0.09)
    pale = []
    for below in (gum, (0.6, 0.55, 0.5)):
        smile, plate, edge = smile_and_row(head, below)
        outline = smile.outline + np.array([4, 0], np.float32)  # it moves
        source = take_mouth(plate, smile.inside, smile.pixels, smile.outline, smile.shade, smile.lit, lip=lip)
        args = (smile.pixels + np.array([4, 0, 0], np.float32), smile.shade, np.zeros_like(smile.shade))
        color, cover = draw_mouth(plate, source, smile.inside, *args, outline, smile.lit, (0, 0, *SIZE))
        seen = color[edge + 2 :][cover[edge + 2 :] > 0.99]
        pale.append(float((seen[:, 1] > 0.7 * seen[:, 0]).mean()))
    assert pale[0] < 0.35 and pale[1] > 0.7


def test_dark_corners_of_a_smile_stay_dark(head: Head) -> None:
    """The plate's dark corners became gray teeth as soon as the head turned."""
    lip = np.array([0.5, 0.12, 0.12], np.float32)
    smile, plate, _ = smile_and_row(head, (0.6, 0.55, 0.5))
    left = int(np.quantile(smile.outline[:, 0], 0.3))
    plate[:, :left] = (0.02, 0.01, 0.01)
    source = take_mouth(plate, smile.inside, smile.pixels, smile.outline, smile.shade, smile.lit, lip=lip)
    moved = smile.outline + np.array([5, 0], np.float32)
    args = (smile.pixels + np.array([5, 0, 0], np.float32), smile.shade, np.zeros_like(smile.shade))
    color, cover = draw_mouth(plate, source, smile.inside, *args, moved, smile.lit, (0, 0, *SIZE))
    corner = color[:, : left + 3][cover[:, : left + 3] > 0.99]
    assert len(corner) > 30
    assert np.median(corner[:, 1]) < 0.03


def test_the_hue_of_teeth_is_not_the_tongues(head: Head) -> None:
    """Teeth whose blue was seen made tongues purple."""
    lip, tongue = np.array([0.5, 0.12, 0.12], np.float32), list(ALBEDO).index("tongue")
    hues = []
    for tooth in ((0.6, 0.55, 0.4), (0.55, 0.55, 0.6)):
        smile, plate, _ = smile_and_row(head, tooth)
        plate[:] = tooth
        plate[polygon(smile.outline, 0, 0, *SIZE) <= 0] = lip
        args = (smile.inside, smile.pixels, smile.outline, smile.shade, smile.lit)
        gain = take_mouth(plate, *args, lip=lip).gain
        hues.append(gain[tongue] / gain[tongue, 0])
    assert np.allclose(*hues, rtol=1e-3)


def test_a_smile_that_closes_halfway_keeps_its_teeth(head: Head) -> None:
    """For a frame they were gray: made ones in the dark of a slit, mixed with the plate's."""
    green = np.array([0.1, 0.7, 0.1], np.float32)
    smile = Mouth(head, 0.1, mouthSmile=0.6, mouthUpperUp=0.7)
    args = (smile.inside, smile.pixels, smile.outline, smile.shade, smile.lit)
    source = take_mouth(plate_of(tuple(green)), *args)
    middle, shares = smile.outline.mean(axis=0), []
    for high in (0.62, 0.3):
        lips = (middle + [0.95, high] * (smile.outline - middle)).astype(np.float32)
        drawn = (smile.pixels, smile.shade, np.zeros_like(smile.shade), lips, smile.lit, (0, 0, *SIZE))
        color, cover = draw_mouth(plate_of(tuple(green)), source, smile.inside, *drawn)
        shares.append((np.abs(color - green).max(axis=2) < 0.02)[cover > 0.99].mean())
    assert shares[0] > 0.5
    assert shares[1] == 0
