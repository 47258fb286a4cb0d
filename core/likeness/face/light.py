"""The light on a face: spherical harmonics fitted to the plate's skin, for what is drawn anew.

Ramamoorthi and Hanrahan, "An Efficient Representation for Irradiance Environment Maps", 2001: a diffuse
surface sees an environment through nine coefficients. Normals are in camera space (x right, y down,
z forward), so a surface that faces the camera has z = -1. Colors are scene-linear.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Array = NDArray[np.float64]

RELIGHT = 0.7  # how much of a computed change of light on skin is applied
EYEBALL_ALBEDO = np.array([0.62, 0.58, 0.55], np.float32)
EYEBALL_LEVEL = (0.95, 6.0)  # times white as the skin tells it, if that is fair
DARK = 1.2, 2.0  # of that level: so much brighter eyeballs are beside fair skin at most, and beside dark skin
FAIR = np.array([0.9, 0.58, 0.45], np.float32)  # of white, skin that hides little of the light's color
MIDDLE_LEVEL, MIDDLE_TO_SKIN = 1.48, 0.85  # times as bright as an eyeball, and as skin's lights, its middle
SKIN_CEILING = 0.72  # no skin reflects more; a lower bound of what white would be
ENAMEL = 0.55  # the power to which teeth are of the hue of skin, in clips of four people
YELLOWEST = 1.5  # skin's green over its blue, where no varnish is: 1.27 to 1.48 in pictures of five people
VARNISH = 0.7  # the power to which teeth have a varnish's hue: all of it looks like gold
DEEPEST = 0.05  # of a skin's luma has each channel at least
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
SKIN_LIGHTS = 0.98  # of the skin is no brighter than its lights
TINT, TINT_SURE = (
    (0.6, 1.6),
    0.02,
)  # its bounds, and the variance of skin's log luma from which it is believed


@dataclass(frozen=True)
class Light:
    """`shape` (9,): irradiance by normal relative to its mean. `white` (3,): a white wall's radiance.

    `tint` (3,): the power with which skin's channels follow a change of light. Its shadows are redder than
    its lights: light scatters below it, comes back from other skin, and clips in a picture's lights.
    `skin` is the luma of those lights, or that of fair skin's where it is dark. `enamel` (3,): what the
    channels of teeth are of the wall's.
    """

    shape: Float
    white: Float
    tint: Float = field(default_factory=lambda: np.ones(3, np.float32))
    skin: float = np.inf
    enamel: Float = field(default_factory=lambda: np.ones(3, np.float32))

    def at(self, normals: Float) -> Float:
        """Radiance (N, 3) of a white diffuse surface with unit `normals` (N, 3)."""
        return self.level(normals)[:, None] * self.white

    @property
    def eyeball(self) -> Float:
        """The color (3,) of an eyeball."""
        return self.white * EYEBALL_ALBEDO

    @property
    def eyeball_middle(self) -> float:
        """The luma of an eyeball's middle, bare when it looks aside; measured in clips of two people."""
        return min(MIDDLE_LEVEL * float(self.eyeball @ LUMA), MIDDLE_TO_SKIN * self.skin)

    def level(self, normals: Float) -> Float:
        """The same relative to `white` (N,)."""
        return _level(np.ascontiguousarray(normals, np.float32), self.shape)


def basis(normals: Float) -> Float:
    """The nine real spherical harmonics up to order two, unnormalized (N, 9)."""
    x, y, z = normals.T
    one = np.ones_like(x)
    terms = [one, x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1]
    return np.stack(terms, axis=1).astype(np.float32)


def basis_slopes(normals: Array) -> Array:
    """How the nine change with the normal (N, 9, 3)."""
    x, y, z = normals.T
    none, one = np.zeros_like(x), np.ones_like(x)
    by_x = [none, one, none, none, y, none, z, 2 * x, none]
    by_y = [none, none, one, none, x, z, none, -2 * y, none]
    by_z = [none, none, none, one, none, y, x, none, 6 * z]
    return np.stack([np.stack(by, axis=1) for by in (by_x, by_y, by_z)], axis=2)


@numba.njit(cache=True, nogil=True)
def _level(normals: Float, shape: Float) -> Float:
    out = np.empty(len(normals), np.float32)
    for v in range(len(normals)):
        out[v] = level_of(normals[v, 0], normals[v, 1], normals[v, 2], shape)
    return out


@numba.njit(cache=True, nogil=True, inline="always")
def level_of(x: Any, y: Any, z: Any, shape: Float) -> Any:
    """The irradiance, relative to its mean, of one unit normal."""
    level = shape[0] + shape[1] * x + shape[2] * y + shape[3] * z
    level += shape[4] * x * y + shape[5] * y * z + shape[6] * x * z
    level += shape[7] * (x * x - y * y) + shape[8] * (3 * z * z - 1)
    return min(max(level, 0.15), 2.5)


def estimate(colors: Float, normals: Float, eyeball: Float | None) -> Light:
    """Fit the light to skin `colors` (N, 3) at `normals`; `eyeball` (3,) is a seen eyeball's color."""
    luma = colors @ LUMA
    mean = max(float(np.median(luma)), 1e-6)
    terms = basis(normals)
    ridge = np.diag([1e-3, 1, 1, 1, 4, 4, 4, 4, 4]).astype(np.float32) * len(luma) * 0.02
    weight = 1.0 / (1.0 + ((luma / mean - 1.0) / 0.5) ** 2)
    target = luma / mean
    shape = np.linalg.solve(terms.T @ (terms * weight[:, None]) + ridge, terms.T @ (weight * target))
    bright = np.quantile(colors, 0.8, axis=0)
    gray = np.full(3, float(bright @ LUMA))
    white, dark = (0.75 * bright + 0.25 * gray) / SKIN_CEILING, 0.0
    if eyeball is not None:
        seen = np.maximum(eyeball / EYEBALL_ALBEDO, 1e-6)
        # a shaded eyeball tells the light's color, and little of how bright it is
        level = np.clip(seen.mean() / white.mean(), *EYEBALL_LEVEL)
        dark = float(np.interp(level, DARK, (0, 1)))
        hue = (0.5 + 0.5 * dark) * seen / seen.mean() + (0.5 - 0.5 * dark) * white / white.mean()
        white = hue * level * white.mean()
    radiance = np.maximum(white, 1e-6).astype(np.float32)
    lights = max(float(np.quantile(luma, SKIN_LIGHTS)), SKIN_CEILING * dark * float(radiance @ LUMA))
    # dark skin's color is its own, not the light's
    enamel = _enamel(bright + dark * (FAIR * radiance - bright), radiance)
    return Light(shape.astype(np.float32), radiance, _tint(colors, luma), lights, enamel)


def _enamel(skin: Float, white: Float) -> Float:
    """What the channels (3,) of teeth beside `skin` are of those of `white`, as bright as that.

    What makes skin yellower than people's is no skin but a picture's varnish: teeth have some of it.
    """
    pale = np.maximum(skin / max(float(skin @ LUMA), 1e-6), DEEPEST) ** ENAMEL
    varnish = max(float(pale[1] / pale[2]) ** (1 / ENAMEL) / YELLOWEST, 1.0)
    pale[2] /= max(varnish ** (VARNISH - ENAMEL), 1.0)
    return np.asarray(pale * float(white @ LUMA) / float(pale @ LUMA) / white, np.float32)


def _tint(colors: Float, luma: Float) -> Float:
    """The slope of each channel's logarithm (3,) over the luma's, near 1 where the skin hardly varies."""
    lit = (colors.min(axis=1) > 0.02 * float(np.median(luma))) & (luma > 0)
    if lit.sum() < 20:
        return np.ones(3, np.float32)
    level = np.log(luma[lit])
    level = level - level.mean()
    logs = np.log(colors[lit])
    slope = (level @ (logs - logs.mean(axis=0)) / len(level) + TINT_SURE) / (level.var() + TINT_SURE)
    return np.clip(slope, *TINT).astype(np.float32)
