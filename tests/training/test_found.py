"""What is found in rendered pictures, and what is learned from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.training import dataset, expected_expression, mended_fit
from likeness.training.found import asked_pictures, found_in


@pytest.fixture(scope="module")
def rendered(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dataset.Dataset:
    if not (shared / "ict-facekit").is_dir():
        pytest.skip("the head data is not there")
    folder = tmp_path_factory.mktemp("people")
    dataset.create(folder, 3, seed=9)
    dataset.render_shard(shared / "ict-facekit", folder, 0)
    return dataset.open_dataset(folder)


@pytest.mark.slow
@pytest.mark.shared
def test_points_are_found_where_the_truth_is(rendered: dataset.Dataset) -> None:
    rng = np.random.default_rng(1)
    for index in range(rendered.count):
        found, true = found_in(rendered, index, 0.02, rng), rendered.labels["points_px"][index, :450]
        seen = rendered.labels["visible"][index, : len(true)] > 0
        size = np.ptp(true, axis=0).max()
        assert np.median(np.linalg.norm(found.xy - true, axis=1)[seen]) < 0.05 * size


@pytest.mark.slow
@pytest.mark.shared
def test_lessons_see_every_picture(rendered: dataset.Dataset) -> None:
    told, shown = expected_expression.observe(rendered, 3, np.random.default_rng(1))
    assert (len(told), shown.shape) == (3, (3, 55))
    seen = mended_fit.observe(rendered, 2, np.random.default_rng(1))
    assert len(seen.beside) == len(seen.turned) == 2
    assert np.linalg.norm(seen.turned, axis=1).max() < np.radians(25)


def test_the_command_line_takes_the_first_pictures_of_each_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        dataset.create(tmp_path / name, 2, seed=1)
    asked = ["learn", "--pictures", str(tmp_path / "a"), str(tmp_path / "b"), "--count", "5"]
    monkeypatch.setattr("sys.argv", asked)
    taken = asked_pictures("learns")
    assert [(pictures.folder.name, count) for pictures, count in taken] == [("a", 0), ("b", 0)]
