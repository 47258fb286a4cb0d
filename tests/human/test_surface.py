"""Skin, eyes and hair: colors that people have, textures without a seam, hair where hair grows."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from likeness.errors import BadRequest
from likeness.head import areas
from likeness.head.model import load_head
from likeness.human import eyes, hair, skin, tissue, wrinkles
from likeness.human.figure import make_figure
from likeness.human.gltf import display
from likeness.human.look import BEARDS, HAIR_STYLES, Look, make_look, sample_look
from likeness.human.materials import body_material, materials
from likeness.human.texels import check_size, head_texels

SIZE = 512


@pytest.fixture(scope="module")
def painted():
    return skin.make_skin(Look(age=45), SIZE)


@pytest.fixture(scope="module")
def figure():
    return make_figure(np.zeros(len(load_head().identity_basis), np.float32), {})


def at_rest(size=SIZE):
    """Where each pixel lies on the mean head (N, N, 3), and where there is skin."""
    head, at = load_head(), head_texels(size)
    places = np.einsum("hwk,hwkc->hwc", at.bary, head.mean[head.triangles[at.index]])
    covered = head.level_parts[0] == head.part_names.index("skin")
    return places, (at.index >= 0) & covered[at.index]


# --- color ------------------------------------------------------------------------------------------------


def test_melanin_darkens_and_blood_reddens():
    def color(tone, blood, oxygen=0.75):
        return tissue.skin_color(*tissue.fractions(tone, blood), oxygen)

    tones = np.array([color(t, 0.4) for t in np.linspace(0, 1, 6)])
    assert (np.diff(tones.sum(1)) < 0).all()
    pale, flushed = color(0.2, 0.1), color(0.2, 0.9)
    assert flushed[1] / flushed[0] < 0.8 * pale[1] / pale[0]
    veiny = color(0.2, 0.6, 0.2)
    assert veiny[0] < color(0.2, 0.6, 0.9)[0]  # blood without oxygen takes the red


@pytest.mark.parametrize(("patch", "tones"), [((194, 150, 130), (0.0, 0.3)), ((115, 82, 68), (0.6, 0.9))])
def test_the_skins_of_the_color_checker_are_among_its_colors(patch, tones):
    srgb = np.array(patch) / 255
    linear = ((srgb + 0.055) / 1.055) ** 2.4
    tone, blood = tissue.tone_of(linear)
    found = tissue.skin_color(*tissue.fractions(tone, blood), 0.75)
    assert np.abs(display(found) - srgb).max() < 0.04
    assert tones[0] <= tone <= tones[1]


def test_skin_of_any_tone_is_warm_and_tones_are_even_steps_of_lightness():
    tones = np.linspace(0, 1, 6)
    colors = tissue.skin_color(*tissue.fractions(tones, np.full(6, 0.25)), np.full(6, 0.76))
    assert (colors[:, 0] > 1.5 * colors[:, 2]).all() and (colors[:, 0] > 1.2 * colors[:, 1]).all()
    lightness = 116 * np.cbrt(colors @ [0.2126, 0.7152, 0.0722]) - 16
    steps = -np.diff(lightness)
    assert steps.min() > 0.6 * steps.mean()
    assert 20 < lightness[-1] < 30 and 62 < lightness[0] < 72


def test_ancestry_draws_the_skins_tone_and_leaves_people_free_to_differ():
    def tones(**ancestry):
        return np.array([sample_look(seed, ancestry=ancestry).skin_tone for seed in range(40)])

    dark, light = tones(african=1.0), tones(european=1.0)
    assert dark.mean() > 0.6 and light.mean() < 0.15
    assert dark.std() > 0.08
    assert tones().std() > 0.2


def test_a_tone_is_found_again_from_its_color():
    color = tissue.skin_color(*tissue.fractions(0.42, 0.3), 0.75)
    assert tissue.tone_of(color) == pytest.approx((0.42, 0.3), abs=0.02)


def test_hair_goes_from_blond_to_black_red_and_gray():
    blond, brown, black = (tissue.hair_color(m, 0, 0).sum() for m in (0.1, 0.5, 1.0))
    assert blond > brown > black
    red, plain = tissue.hair_color(0.4, 1, 0), tissue.hair_color(0.4, 0, 0)
    assert red[2] / red[0] < plain[2] / plain[0]
    assert np.ptp(tissue.hair_color(0.4, 0, 1)) < 0.03


# --- textures ---------------------------------------------------------------------------------------------


def test_textures_have_a_plausible_range(painted):
    _, on_skin = at_rest()
    color = painted.base_color[on_skin]
    assert np.isfinite(color).all() and color.min() > 0.001 and color.max() < 0.8
    assert (np.median(color, 0) == np.sort(np.median(color, 0))[::-1]).all()  # skin is redder than blue
    assert painted.roughness[on_skin].min() >= 0.15 and painted.roughness[on_skin].max() <= 0.9
    assert np.allclose(np.linalg.norm(painted.normal, axis=2), 1, atol=1e-4)


def test_the_same_seed_paints_the_same_and_another_does_not(painted):
    assert np.array_equal(skin.make_skin(Look(age=45), SIZE).base_color, painted.base_color)
    assert not np.array_equal(skin.make_skin(Look(age=45, seed=1), SIZE).base_color, painted.base_color)


def test_no_seam_shows_where_the_texture_parts(painted):
    """Both sides of the seam have the color of the same place in space."""
    head = load_head()
    seam = head.loops["seam"]
    twins = [np.flatnonzero(head.vertex_twin == head.vertex_twin[v]) for v in seam]
    pairs = [t[:2] for t in twins if len(t) > 1]
    assert len(pairs) > 10

    def at(v):
        u, w = head.vertex_uv[v]
        y, x = min(SIZE - 1, int((1 - w) * SIZE)), min(SIZE - 1, int(u * SIZE))
        return display(painted.base_color[y, x])

    apart = [np.abs(at(a) - at(b)).max() for a, b in pairs]
    assert np.mean(apart) < 0.06


def test_pieces_have_a_border_of_their_own_color(painted):
    at = head_texels(SIZE)
    flat = painted.base_color.reshape(-1, 3)
    assert np.array_equal(flat[at.pad], flat[at.source])


def test_lips_are_redder_and_age_is_rougher(painted):
    places, on_skin = at_rest()
    lips = on_skin & (np.linalg.norm(places - [0, -4.0, 11.3], axis=2) < 0.4)
    chin = on_skin & (np.linalg.norm(places - [0, -6.3, 10.9], axis=2) < 0.5)
    hue = [painted.base_color[where].mean(0) for where in (lips, chin)]
    assert hue[0][0] / hue[0][1] > 1.2 * hue[1][0] / hue[1][1]
    forehead = on_skin & (np.linalg.norm(places - [0, 8.2, 10.0], axis=2) < 1.5)
    young, old = (skin.make_skin(Look(age=a), SIZE).normal[forehead][:, :2].std() for a in (20, 75))
    assert old > 1.3 * young


def test_expressions_fold_the_skin_where_their_group_is():
    made = skin.make_skin(Look(age=25), SIZE, folds=True)
    places, _ = at_rest()
    assert set(made.fold_mask) == set(wrinkles.GROUPS)
    change = np.abs(made.folded - made.normal).sum(2)
    for name, low, high in (("forehead", 6, 11), ("neck", -16, -7)):
        mask = made.fold_mask[name] > 0.5
        assert change[mask].mean() > 5 * change.mean()
        assert low < np.median(places[mask][:, 1]) < high


def test_make_up_covers_lips_and_lids():
    plain, made_up = (skin.make_skin(Look(lipstick=v, eye_shadow=v), SIZE) for v in (0.0, 0.9))
    change = np.abs(made_up.base_color - plain.base_color).sum(2)
    places, on_skin = at_rest()
    for place in ([0, -4.0, 11.3], [3.2, 4.4, 9.4]):
        near = on_skin & (np.linalg.norm(places - place, axis=2) < 0.6)
        assert change[near].mean() > 0.03
    assert change[on_skin & (places[..., 2] < -2)].max() < 1e-5


@pytest.mark.parametrize("size", [100, 0, 8192, 1000])
def test_a_texture_is_a_power_of_two(size):
    with pytest.raises(BadRequest, match=str(size)):
        check_size(size)


def test_materials_share_the_heads_textures_and_the_body_has_its_color():
    made = {m.name: m for m in materials(Look(skin_tone=0.6), 256)}
    assert made["head"].base_color is made["teeth"].base_color is made["mouth"].base_color
    assert made["cornea"].transmission == 1
    body = body_material(Look(skin_tone=0.6), 256)
    _, on_skin = at_rest(256)
    head_color = np.median(made["head"].base_color[on_skin], 0)
    body_color = np.median(body.base_color[body.base_color.sum(2) > 0], 0)
    assert np.abs(display(head_color) - display(body_color)).max() < 0.1


# --- eyes -------------------------------------------------------------------------------------------------


def test_an_iris_has_its_color_around_a_black_pupil():
    blue, _ = eyes.eye_texture(Look(eye_melanin=0.0, eye_green=0.0), 256)
    brown, _ = eyes.eye_texture(Look(eye_melanin=0.8), 256)
    y, x = np.mgrid[0:256, 0:256]
    r = np.hypot(x - 127.5, y - 127.5) / 256
    ring = (r > 0.115) & (r < 0.13)
    assert blue[ring].mean(0)[2] > blue[ring].mean(0)[0]
    assert brown[ring].mean(0)[0] > 2 * brown[ring].mean(0)[2]
    assert blue[r < 0.04].max() < 0.02
    assert blue[(r > 0.2) & (r < 0.3)].mean() > 0.45  # the white


def test_the_pupils_texture_place_is_the_middle_and_corneas_cover_it(figure):
    head = load_head()
    places = eyes.texture_places(head)
    for side in (0, 1):
        rows = np.flatnonzero(head.vertex_eye == side)
        front = rows[head.mean[rows, 2].argmax()]
        local = head.mean[front] - head.eye_centers[side]
        if np.hypot(*local[:2]) < 1e-3:
            assert places[front] == pytest.approx([0.5, 0.5], abs=1e-3)
    part = eyes.cornea_part(figure)
    sums = part.weights.sum(1)
    assert np.allclose(sums, 1)
    centers = figure.fit.apply(head.eyes(figure.identity))
    away = np.linalg.norm(part.vertices.reshape(2, -1, 3) - centers[:, None], axis=2) / figure.fit.scale
    assert away.min() > 1.45 and away.max() < 1.62


# --- hair -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", [s for s in HAIR_STYLES if s != "bald"])
def test_hair_grows_on_the_scalp_and_stays_outside_of_the_head(style):
    head = load_head()
    made = hair.grow_hair(Look(style=style), np.zeros(len(head.identity_basis), np.float32))
    curves = next(c for c in made if c.name == "hair")
    roots = np.einsum("nk,nkc->nc", curves.bary, head.mean[curves.root])
    assert (areas.scalp_margin(roots, 0.12, 0.5) > -0.8).mean() > 0.99
    assert np.isfinite(curves.points).all()
    face = np.array([0, 1.0, 11.0])
    assert (np.linalg.norm(curves.points - face, axis=2) < 0.8).mean() < 1e-3
    inside = np.linalg.norm(curves.points - [0, 6, 1], axis=2) < 5.0
    assert inside.mean() < 0.002


def scalp_hair(look):
    nobody = np.zeros(len(load_head().identity_basis), np.float32)
    return next(c for c in hair.grow_hair(look, nobody) if c.name == "hair").points


@pytest.mark.parametrize("style", ["long", "bob", "fringe"])
def test_hair_that_hangs_lies_on_the_skull_and_falls_straight(style):
    """It stood 5 cm off beside the eyes and ran in again to the neck, as a helmet does."""
    points = scalp_hair(Look(style=style)).reshape(-1, 3)
    skin = load_head().mean[np.unique(load_head().part("skin"))]

    def half_width(at, y):
        return np.quantile(np.abs(at[np.abs(at[:, 1] - y) < 0.7, 0]), 0.98)

    assert half_width(points, 7) - half_width(skin, 7) < 3.2
    assert half_width(points, -4) > half_width(points, 3) - 0.7


def test_a_bob_ends_at_one_height_and_a_fringe_above_the_eyes():
    for length, level in ((0.0, -2.5), (1.0, -9.5)):
        ends = scalp_hair(Look(style="bob", hair_length=length))[:, -1, 1]
        assert np.abs(np.median(ends) - level) < 0.3
        assert np.quantile(ends, 0.01) > level - 1.2
    ends = scalp_hair(Look(style="fringe"))[:, -1]
    brow = ends[(ends[:, 2] > 8) & (np.abs(ends[:, 0]) < 4)]
    assert len(brow) > 300 and np.quantile(brow[:, 1], 0.02) > 6.0


def test_no_hair_is_thrown_out_of_the_nape():
    """Roots in the fold behind the jaw made a tail of 10 cm under an afro."""
    points = scalp_hair(Look(style="afro", hair_length=0.25))
    assert points[..., 1].min() > -8.0


@pytest.mark.parametrize("style", ["long", "bob"])
def test_no_hair_hangs_by_itself(style):
    """In the middle of its way a hair has others within 1.5 cm, or it reads as a crack before the skin."""
    nobody = np.zeros(len(load_head().identity_basis), np.float32)
    curves = next(c for c in hair.grow_hair(Look(style=style), nobody) if c.name == "hair")
    steps = curves.points.shape[1]
    paths = cKDTree(curves.points[:, steps // 3 :].reshape(-1, 3))
    near, _ = paths.query(curves.points[:, int(0.65 * steps)], 12)
    assert np.quantile(near[:, -1], 0.999) < 1.5


def test_bald_is_without_hair_and_beards_differ():
    nobody = np.zeros(len(load_head().identity_basis), np.float32)
    assert [c.name for c in hair.grow_hair(Look(style="bald"), nobody)] == ["brows"]
    counts = {}
    for beard in BEARDS:
        made = {c.name: c for c in hair.grow_hair(Look(style="bald", beard=beard), nobody)}
        counts[beard] = len(made["beard"].points) if "beard" in made else 0
    assert counts["none"] == counts["stubble"] == 0
    assert 0 < counts["moustache"] < counts["full"]


def test_wider_hairs_are_as_many_fewer():
    nobody = np.zeros(len(load_head().identity_basis), np.float32)
    fine = next(c for c in hair.grow_hair(Look(), nobody) if c.name == "brows")
    wide = hair.coarser(fine, 0.05)
    assert wide.width.min() >= 0.05 and len(wide.points) < 0.6 * len(fine.points)
    assert wide.width.sum() == pytest.approx(fine.width.sum(), rel=0.1)
    assert len(hair.coarser(fine, 1e-4).points) == len(fine.points)


def test_brows_rise_with_the_brow():
    head = load_head()
    nobody = np.zeros(len(head.identity_basis), np.float32)
    brows = next(c for c in hair.grow_hair(Look(), nobody, head.expression_basis) if c.name == "brows")
    assert brows.moved["browInnerUp"][:, 1].max() > 0.3
    assert "tongueOut" not in brows.moved


def test_cards_become_fewer_and_hang_on_the_head(figure):
    levels = hair.hair_parts(Look(beard="full"), figure)
    counts = [sum(len(p.triangles) for p in level) for level in levels]
    assert counts[0] > counts[1] > counts[2] > counts[3] == 0
    for part in levels[0]:
        assert np.allclose(part.weights.sum(1), 1, atol=1e-5)
        assert part.uv.min() >= 0 and part.uv.max() <= 1
    names = {m.name for m in hair.hair_materials(Look(), 512)}
    assert {p.material for p in levels[0]} <= names


def test_card_textures_have_hairs_and_gaps():
    for material in hair.hair_materials(Look(), 512):
        assert material.alpha.shape == (256, 256)
        assert 0.15 < (material.alpha > 0.5).mean() < 0.8


# --- looks ------------------------------------------------------------------------------------------------


def test_seeds_give_looks_within_range_and_again_the_same():
    for seed in range(1, 30):
        drawn = sample_look(seed, sex=(-1) ** seed)
        assert drawn == sample_look(seed, sex=(-1) ** seed)
        make_look({k: v for k, v in vars(drawn).items()})


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"freckels": 1}, "freckels"),
        ({"gray": 2}, "gray"),
        ({"style": "mullet"}, "mullet"),
        ({"age": 5}, "age"),
    ],
)
def test_says_what_is_wrong_with_a_look(values, word):
    with pytest.raises(BadRequest, match=word):
        make_look(values)
