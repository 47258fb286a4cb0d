"""A request is one JSON object, the same on both sides of every border."""

from __future__ import annotations

import json
import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeness.errors import BadRequest
from likeness.request import Request, canonical, digest, parse_frames

FULL = Request(
    effect="reanimate",
    inputs={"plate": "/shots/élan 01/plate.####.exr", "driver": "take.csv"},
    params={"strength": 0.5, "weights": {"jawOpen": 0.4}},
    frames="1001-1048",
    output="/out/shot.%04d.exr",
    colorspace="ACEScg",
    device="cpu",
    seed=7,
    missing="hold",
)

names = st.text(string.ascii_lowercase, min_size=1, max_size=8)
values = st.one_of(
    st.booleans(), st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
requests = st.builds(
    Request,
    effect=names,
    inputs=st.dictionaries(names, st.text()),
    params=st.dictionaries(names, values | st.dictionaries(names, st.floats(0, 1))),
    output=st.text(),
    colorspace=st.text(),
    seed=st.integers(0, 2**40),
)


def test_what_crosses_the_border_comes_back_as_it_was() -> None:
    assert Request.from_json(FULL.to_json()) == FULL
    assert Request.from_json(json.loads(FULL.to_json())) == FULL


@given(requests)
def test_any_request_comes_back_as_it_was(request: Request) -> None:
    again = Request.from_json(request.to_json())
    assert again == request
    assert again.hash == request.hash
    assert "\n" not in request.to_json()


def test_only_the_effect_is_needed() -> None:
    assert Request.from_json('{"effect": "capture"}') == Request("capture")


def test_the_hash_does_not_depend_on_the_order_of_the_keys() -> None:
    data = json.loads(FULL.to_json())
    assert Request.from_json(dict(reversed(list(data.items())))).hash == FULL.hash


@pytest.mark.parametrize(
    "change",
    [
        {"effect": "capture"},
        {"inputs": {"plate": "other.exr"}},
        {"params": {"strength": 0.25}},
        {"frames": "1001-1047"},
        {"output": "elsewhere"},
        {"colorspace": "sRGB"},
        {"device": "cuda"},
        {"seed": 8},
        {"missing": "skip"},
    ],
)
def test_the_hash_changes_with_every_field(change: dict[str, Any]) -> None:
    assert replace(FULL, **change).hash != FULL.hash


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("3", "not a JSON object"),
        (b"\xff\xfe", "not JSON"),
        ({}, "names no effect"),
        ({"effect": "x", "frame": "1"}, "'frame'"),
        ({"effect": 3}, "'effect'"),
        ({"effect": "x", "output": None}, "'output'"),
        ({"effect": "x", "inputs": ["a.exr"]}, "'inputs'"),
        ({"effect": "x", "inputs": {"plate": 3}}, "'inputs'"),
        ({"effect": "x", "params": "strength=1"}, "'params'"),
        ({"effect": "x", "device": "gpu"}, "'device'"),
        ({"effect": "x", "missing": "ignore"}, "'missing'"),
        ({"effect": "x", "seed": 1.5}, "'seed'"),
        ({"effect": "x", "seed": True}, "'seed'"),
        ({"effect": "x", "seed": -1}, "'seed'"),
        ({"effect": "x", "frames": "abc"}, "'frames'"),
        ({"effect": "x", "frames": 12}, "'frames'"),
        ({"effect": "x", "frames": "9-1"}, "backwards"),
    ],
)
def test_a_wrong_request_is_named_and_has_a_remedy(data: Any, named: str) -> None:
    with pytest.raises(BadRequest, match=named) as caught:
        Request.from_json(data)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "frames"),
    [("1-24", (1, 24)), ("7", (7, 7)), ("0005-0009", (5, 9)), ("-5-10", (-5, 10)), ("-9--3", (-9, -3))],
)
def test_a_range_is_inclusive_and_may_be_negative(text: str, frames: tuple[int, int]) -> None:
    assert parse_frames(text) == frames


def test_a_backward_range_is_answered_with_the_right_one() -> None:
    with pytest.raises(BadRequest, match=r"10-5 runs backwards. Give 5-10"):
        parse_frames("10-5")


@pytest.mark.parametrize("text", ["", "a", "1-", "1-2-3", "1.5", "1,2", "1 - 2x"])
def test_what_is_no_range_is_said_so(text: str) -> None:
    with pytest.raises(BadRequest, match="1001-1048"):
        parse_frames(text)


def test_canonical_json_refuses_what_json_cannot_hold() -> None:
    assert canonical({"b": 1, "a": [1.5, None, "é"]}) == '{"a":[1.5,null,"é"],"b":1}'
    for value in (float("nan"), {1, 2}, b"bytes"):
        with pytest.raises(BadRequest, match="cannot be written as JSON"):
            canonical(value)


def test_digest_is_sha256_in_hex() -> None:
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
