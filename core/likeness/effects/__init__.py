"""Every effect, in the order in which the hosts list them."""

from __future__ import annotations

from likeness.declare import Effect

EFFECTS: tuple[Effect, ...] = ()
