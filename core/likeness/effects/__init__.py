"""Every effect, in the order in which the hosts list them."""

from __future__ import annotations

from likeness.declare import Effect
from likeness.effects.face.capture import CAPTURE
from likeness.effects.face.reanimate import REANIMATE
from likeness.effects.human.animate_human import ANIMATE_HUMAN
from likeness.effects.human.human import HUMAN
from likeness.effects.human.human_from_photos import HUMAN_FROM_PHOTOS
from likeness.effects.human.human_portrait import HUMAN_PORTRAIT
from likeness.effects.human.transfer_shapes import TRANSFER_SHAPES

EFFECTS: tuple[Effect, ...] = (
    REANIMATE,
    CAPTURE,
    HUMAN,
    ANIMATE_HUMAN,
    HUMAN_PORTRAIT,
    HUMAN_FROM_PHOTOS,
    TRANSFER_SHAPES,
)
