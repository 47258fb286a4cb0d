"""Datasets on disk: written shard by shard, read meanwhile, resumed where they stopped."""

import json

import numpy as np
import pytest

from likeness.errors import BadInput
from likeness.training import dataset, people
from likeness.training.anatomy import load_anatomy


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(dataset, "SHARD", 2)


@pytest.fixture
def head_data(shared):
    folder = shared / "ict-facekit"
    if not folder.is_dir():
        pytest.skip("the head data is not there")
    return folder


@pytest.mark.slow
@pytest.mark.shared
def test_shards_appear_one_after_another_and_hold_the_rendered_pictures(tmp_path, small_shards, head_data):
    dataset.create(tmp_path, 3, seed=9)
    opened = dataset.open_dataset(tmp_path)
    assert opened.count == 0
    dataset.render_shard(head_data, tmp_path, 0)
    assert opened.count == 0
    assert opened.reload() == 2
    dataset.render_shard(head_data, tmp_path, 1)
    assert opened.reload() == 3
    assert opened.reload() == 3
    expected = people.render(9, 2, load_anatomy(head_data))
    assert np.array_equal(opened.images[2], expected.image)
    assert np.array_equal(opened.regions[2], expected.region)
    assert np.array_equal(opened.alpha[2], expected.alpha)
    assert np.array_equal(opened.labels["points_px"][2], expected.labels["points_px"])
    assert not list(tmp_path.glob("*.part"))


def test_a_folder_is_not_begun_with_another_seed(tmp_path):
    dataset.create(tmp_path, 4, seed=1)
    dataset.create(tmp_path, 4, seed=1)
    with pytest.raises(BadInput, match="another dataset"):
        dataset.create(tmp_path, 4, seed=2)
    for other in ({"human_share": 0.5}, {"size": 448}):
        with pytest.raises(BadInput, match="size and share of humans"):
            dataset.create(tmp_path, 4, seed=1, **other)


def test_a_folder_without_pictures_is_named(tmp_path):
    with pytest.raises(BadInput, match="No rendered pictures"):
        dataset.open_dataset(tmp_path / "nothing")


def test_the_description_names_the_regions(tmp_path):
    dataset.create(tmp_path, 1, seed=1)
    described = json.loads((tmp_path / "dataset.json").read_text())
    assert described["regions"][0] == "background"
    assert len(described["regions"]) == 12
