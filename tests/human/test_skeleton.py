"""The skeleton: names for every program, poses at rest, weights that hold."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from likeness import performance
from likeness.human.assemble import Character, make_character, make_figure
from likeness.human.character import Naming, Part
from likeness.human.figure import Figure
from likeness.human.perform import perform
from likeness.human.skeleton import bone_names, moved, pruned, skinned
from likeness.performance import ARKIT

LIMBS = ("Arm", "Leg")
VRM_REQUIRED = {
    *("hips", "spine", "head"),
    *(f"{side}{part}{limb}" for side in ("left", "right") for part in ("Upper", "Lower") for limb in LIMBS),
    *("leftHand", "rightHand", "leftFoot", "rightFoot"),
}


@pytest.mark.parametrize("naming", get_args(Naming))
def test_every_joint_has_one_name_of_its_own(average: Figure, naming: Naming) -> None:
    words = bone_names()[naming]
    assert set(words) == set(average.skeleton.names)
    assert len(set(words.values())) == len(words)


def test_the_names_are_those_the_programs_know() -> None:
    names = bone_names()
    assert set(names["vrm"].values()) >= VRM_REQUIRED
    assert names["mixamo"]["upperarm_l"] == "mixamorig:LeftArm"
    assert names["unity"]["thumb_01_r"] == "RightThumbProximal"
    assert names["rigify"]["calf_l"] == "shin.L"
    assert names["unreal"]["Root"] == "root"
    assert names["vrm"]["thumb_01_l"] == "leftThumbMetacarpal"


def test_there_are_fingers_jaw_and_eyes(average: Figure) -> None:
    names = average.skeleton.names
    fingers = [n for n in names if n.split("_")[0] in ("thumb", "index", "middle", "ring", "pinky")]
    assert len(fingers) == 30
    assert {"jaw", "eye_l", "eye_r"} <= set(names)
    head = average.skeleton.index("head")
    assert [average.skeleton.parents[average.skeleton.index(n)] for n in ("jaw", "eye_l")] == [head, head]


@pytest.mark.parametrize(("pose", "drop"), [("T", 0.0), ("A", 45.0)])
def test_arms_are_straight_at_the_poses_angle(pose: str, drop: float) -> None:
    bones = make_figure(np.zeros(100, np.float32), {"sex": -1.0}, pose=pose).skeleton  # type: ignore[arg-type]
    for side, out in (("l", 1), ("r", -1)):
        line = [
            bones.positions[bones.index(f"{b}_{side}")] for b in ("upperarm", "lowerarm", "hand", "middle_01")
        ]
        for start, end in pairwise(line):
            along = (end - start) / np.linalg.norm(end - start)
            wanted = [out * np.cos(np.radians(drop)), -np.sin(np.radians(drop)), 0]
            assert np.allclose(along, wanted, atol=1e-3)


def test_turned_eyes_stay_in_their_sockets_and_under_their_lids(average: Figure) -> None:
    """25 degrees each way: no part of an eye comes out of its ball, and the iris goes where it looks."""
    character = make_character("A", average, levels=1)
    eyes = next(p for p in character.levels[0] if p.name == "eyes")
    bones = average.skeleton
    for yaw, pitch in ((25, 0), (-25, 0), (0, 25), (0, -25)):
        a, b = np.radians([yaw, pitch])
        turn = np.array(
            [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]], np.float32
        ) @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]], np.float32)
        turns = np.tile(np.eye(3, dtype=np.float32), (len(bones.names), 1, 1))
        for name in ("eye_l", "eye_r"):
            turns[bones.index(name)] = turn
        posed = skinned(eyes.vertices, eyes.joints, eyes.weights, bones, turns)
        for name in ("eye_l", "eye_r"):
            mine = eyes.joints[:, 0] == bones.index(name)
            center = bones.positions[bones.index(name)]
            before = np.linalg.norm(eyes.vertices[mine] - center, axis=1)
            assert np.allclose(np.linalg.norm(posed[mine] - center, axis=1), before, atol=1e-3)
            front = (eyes.vertices[mine] - center)[:, 2].argmax()
            gaze = (posed[mine][front] - center) / before[front]
            assert np.allclose(
                gaze, turn @ ((eyes.vertices[mine][front] - center) / before[front]), atol=1e-3
            )


def test_without_shapes_the_jaws_joint_moves_what_the_jaws_shape_moves(average: Figure) -> None:
    with_shapes, without = (make_character("A", average, levels=1, shaped=n) for n in (1, 0))
    head = {p.name: p for p in with_shapes.levels[0]}["head"]
    part = {p.name: p for p in without.levels[0]}["head"]
    by_joint = jaw_opened(part, average) - part.vertices
    by_shape = head.shapes["jawOpen"]
    clear = np.linalg.norm(by_shape, axis=1) > 1
    along = (by_joint * by_shape).sum(1)[clear]
    sizes = np.linalg.norm(by_shape[clear], axis=1) * np.linalg.norm(by_joint[clear], axis=1)
    assert (along / sizes).mean() > 0.9
    assert 0.8 < along.sum() / (by_shape[clear] ** 2).sum() < 1.2


def test_with_shapes_the_jaws_joint_moves_nothing_a_second_time(average: Figure) -> None:
    for part in make_character("A", average, levels=1).levels[0]:
        assert np.abs(jaw_opened(part, average) - part.vertices).max() < 1e-3, part.name


@pytest.mark.parametrize(
    ("weights", "off_cm"),
    [({"jawOpen": 1.0}, 0.05), ({"jawOpen": 0.5}, 0.3), ({"jawLeft": 1.0, "jawForward": 0.5}, 0.05)],
)
def test_what_hangs_on_the_jaws_joint_goes_with_the_lower_teeth(
    somebody: Figure, weights: dict[str, float], off_cm: float
) -> None:
    """A turn about the hinge goes along an arc, a shape along its chord; between they are 3 mm apart."""
    bones = somebody.skeleton
    motion = perform(performance.make({n: [w] for n, w in weights.items()}), bones, "unreal")
    hinge = bones.positions[bones.index("jaw")]
    teeth = np.unique(somebody.head.part("teeth_lower"))
    at = somebody.head_vertices[teeth]
    by_shape = at + sum(w * somebody.shapes[ARKIT.index(n)][teeth] for n, w in weights.items())
    turn = Rotation.from_quat(motion.turns["jaw"][0])
    by_joint = turn.apply(at - hinge) + hinge + motion.moves["jaw"][0]
    assert np.linalg.norm(by_shape - at, axis=1).mean() > 0.5
    assert np.linalg.norm(by_joint - by_shape, axis=1).mean() < off_cm


def jaw_opened(part: Part, figure: Figure) -> np.ndarray:
    """A part's vertices with the jaw's joint turned as a full jawOpen turns it."""
    bones = figure.skeleton
    turns = np.tile(np.eye(3, dtype=np.float32), (len(bones.names), 1, 1))
    turn, _ = bones.follows["jaw"]["jawOpen"]
    turns[bones.index("jaw")] = Rotation.from_rotvec(turn).as_matrix()
    return skinned(part.vertices, part.joints, part.weights, bones, turns)


def test_pruned_weights_keep_the_four_largest() -> None:
    rows = np.random.default_rng(0).uniform(0, 1, (50, 9))
    rows /= rows.sum(1, keepdims=True)
    joints, weights = pruned(rows)
    assert np.allclose(weights.sum(1), 1, atol=1e-6)
    assert np.array_equal(np.sort(joints, 1), np.sort(np.argsort(-rows, 1)[:, :4], 1))


def test_every_vertex_is_bound_by_four_joints_whose_weights_sum_to_one(person: Character) -> None:
    for parts in person.levels:
        for part in parts:
            assert part.joints.shape == part.weights.shape == (len(part.vertices), 4)
            assert np.allclose(part.weights.sum(1), 1, atol=1e-6), part.name
            assert part.joints.max() < len(person.skeleton.names)


def test_a_skeleton_that_does_not_turn_stays(average: Figure) -> None:
    still = np.tile(np.eye(3, dtype=np.float32), (len(average.skeleton.names), 1, 1))
    assert np.allclose(moved(average.skeleton, still).positions, average.skeleton.positions, atol=1e-4)
