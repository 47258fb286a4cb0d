"""Fixtures that every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pictures and reference data; tests that ask for it skip where it is absent."""
    folder = Path(os.environ.get("LIKENESS_SHARED", ROOT.parent / "shared"))
    if not (folder / "real").is_dir():
        pytest.skip(f"no data in {folder}; set LIKENESS_SHARED to the folder that has real/ and ict-facekit/")
    return folder


@pytest.fixture(scope="session")
def real(shared: Path) -> Path:
    """Real photographs, paintings and clips."""
    return shared / "real"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"shared", "real"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("shared")
