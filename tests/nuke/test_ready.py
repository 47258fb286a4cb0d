"""An effect is made ready while its user still connects things."""

from __future__ import annotations

from typing import Any

import pytest

from likeness_nuke import jobs, menu, names, ready


@pytest.fixture(autouse=True)
def nothing_is_ready() -> None:
    ready._asked.clear()


def test_a_new_group_says_that_its_effect_is_prepared(gui: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "COMPILES_S", 0.1)
    group: Any = menu.create("chore")
    status = group[names.STATUS]
    gui._pump(lambda: status.value() == ready.PREPARING, 60)
    gui._pump(lambda: status.value() == ready.READY, 60)
    # Another one has nothing to wait for.
    other: Any = menu.create("chore")
    assert other[names.STATUS].value() == "Not run yet." and ready._asked == {"chore"}


def test_a_run_keeps_its_own_status(gui: Any, make: Any) -> None:
    group = make("chore", None)
    jobs._running[group.fullName()] = None  # type: ignore[assignment]
    ready._tell(group, group.fullName(), ready.READY)
    jobs._running.clear()
    assert group[names.STATUS].value() == "Not run yet."


def test_without_a_window_nothing_is_prepared(nuke: Any) -> None:
    menu.create("chore")
    assert not ready._asked
