"""What of a plate stands with the body while its head turns: bare neck, and what lies beside that.

A neck is as wide from all sides, so that its outline stays where it is. The house head's neck is short and
has another width: what goes on beyond a jaw's edge would take the plate's own along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face.landmarks import Crop
from likeness.face.regions import REGIONS, Regions

LIKELY = 0.5  # of alpha
NECK = REGIONS.index("neck")
HAIR = REGIONS.index("hair")
STRAY = 0.08  # of the largest piece of hair: what is smaller, and apart from it, is a collar's shade
HEAD = [REGIONS.index(n) for n in REGIONS if n not in ("background", "neck", "occluder")]


@dataclass(frozen=True)
class Neck:
    """Which cells (n, n) of a network's `crop` stand with the neck."""

    stands: NDArray[np.bool_]
    crop: Crop

    def at(self, places: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether what lies at those `places` (..., 2) of the picture stands."""
        cells = self.crop.within(places) * len(self.stands)
        x, y = np.moveaxis(np.clip(cells, 0, len(self.stands) - 1).astype(int), -1, 0)
        return np.asarray(self.stands[y, x])


def neck_of(regions: Regions) -> Neck:
    """The neck that the network saw; beside it stands what is nearer to it than to the rest of the head."""
    neck, head = regions.alpha[..., NECK] > LIKELY, regions.alpha[..., HEAD].sum(axis=2) > LIKELY
    if not neck.any():
        return Neck(neck, regions.crop)
    head &= ~_stray(regions.alpha[..., HAIR] > LIKELY)
    nearest = ndimage.distance_transform_edt(~(neck | head), return_distances=False, return_indices=True)
    return Neck(neck[tuple(nearest)], regions.crop)


def _stray(hair: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Small pieces (n, n) of what was taken for `hair` (n, n), apart from the largest."""
    labels, count = ndimage.label(hair)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    small = sizes < STRAY * sizes[1:].max(initial=0)
    return hair & small[labels]
