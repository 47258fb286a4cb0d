"""The color of skin and hair from what is in them: pigments, blood, oxygen, thickness.

Skin is two layers (Donner et al., A Layered, Heterogeneous Reflectance Model for Acquiring and Rendering
Human Skin, 2008): an epidermis that absorbs by its melanin, over a dermis that scatters and absorbs by its
blood. Absorption of melanin after Donner, of blood after Prahl's tables, of tissue and scattering after
Jacques, Optical properties of biological tissues, 2013; reflectance of the dermis by diffusion (Jensen et al.
2001). Spectra are integrated with the CIE 1931 observer (fits of Wyman et al. 2013) under D65.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Array = NDArray[np.float64]

WAVELENGTH = np.arange(400.0, 701.0, 10.0)
# Molar extinction in 1/(cm M), every 10 nm from 400 (Prahl, Optical Absorption of Hemoglobin).
_OXY = np.array(
    [
        266232,
        466840,
        480360,
        246072,
        102580,
        62816,
        44480,
        33209,
        26629,
        23684,
        20933,
        20035,
        24202,
        39957,
        53236,
        43016,
        32613,
        44496,
        50104,
        14401,
        3200,
        1506,
        942,
        610,
        442,
        368,
        320,
        294,
        278,
        276,
        290.0,
    ]
)
_DEOXY = np.array(
    [
        223296,
        303956,
        407560,
        528600,
        413280,
        103292,
        23389,
        16156,
        14550,
        16684,
        20862,
        25774,
        31590,
        39036,
        46592,
        53412,
        53788,
        45072,
        37020,
        28324,
        14677,
        9444,
        6510,
        5149,
        4345,
        3750,
        3227,
        2795,
        2408,
        2052,
        1794.0,
    ]
)
_D65 = np.array(
    [
        82.75,
        91.49,
        93.43,
        86.68,
        104.86,
        117.01,
        117.81,
        114.86,
        115.92,
        108.81,
        109.35,
        107.80,
        104.79,
        107.69,
        104.41,
        104.05,
        100.0,
        96.33,
        95.79,
        88.69,
        90.01,
        89.60,
        87.70,
        83.29,
        83.70,
        80.03,
        80.21,
        82.28,
        78.28,
        69.72,
        71.61,
    ]
)
_XYZ_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
_BLOOD_MOLAR = 150.0 / 64500.0  # hemoglobin of whole blood, mol/l
_EPIDERMIS_CM = 0.01  # on the face
_DIFFUSE_PATH = 2.0  # of the thickness, each way
_INNER_REFLECTION = 3.25  # A of the diffusion boundary at an index of 1.4
_MELANIN_CAP_CM = 0.003  # melanin lies in caps that shade themselves, which takes color off it (sieve effect)
_BACKSCATTER = 0.03  # of light that turns back in the epidermis itself

MELANIN_LIGHT, MELANIN_DARK = 0.0035, 0.25  # volume fraction in the epidermis at skin tone 0 and 1
_EVEN = 1.25  # power of the tone that makes its steps even in lightness
BLOOD_PALE, BLOOD_FLUSHED = 0.002, 0.065  # volume fraction in the dermis at blood 0 and 1


def skin_color(melanin: Array, blood: Array, oxygenation: Array, thickness: float = 1.0) -> Array:
    """Linear Rec. 709 color (..., 3) of skin.

    `melanin` and `blood` are volume fractions, `oxygenation` 0..1 the share of hemoglobin that carries
    oxygen, `thickness` of the epidermis relative to the face's.
    """
    m, b, o = (np.asarray(a, np.float64)[..., None] for a in (melanin, blood, oxygenation))
    nm = WAVELENGTH
    eumelanin, pheomelanin = 6.6e11 * nm**-3.33, 2.9e15 * nm**-4.75  # 1/cm
    tissue = 0.244 + 85.3 * np.exp(-(nm - 154) / 66.2)
    packed = 0.9 * eumelanin + 0.1 * pheomelanin
    melanin_seen = (1 - np.exp(-packed * _MELANIN_CAP_CM)) / _MELANIN_CAP_CM
    epidermis = m * melanin_seen + (1 - m) * tissue
    depth = 2 * _DIFFUSE_PATH * _EPIDERMIS_CM * thickness * epidermis
    passed = np.exp(-depth)
    turned_back = _BACKSCATTER * (1 - passed) / depth  # from all depths of it, behind a part of its pigment
    hemoglobin = 2.303 * _BLOOD_MOLAR * (o * _OXY + (1 - o) * _DEOXY)
    absorbed = b * hemoglobin + (1 - b) * tissue
    scattered = 46.0 * (nm / 500) ** -1.421
    albedo = scattered / (scattered + absorbed)
    s = np.sqrt(3 * (1 - albedo))
    dermis = albedo / 2 * (1 + np.exp(-4 / 3 * _INNER_REFLECTION * s)) * np.exp(-s)
    return np.maximum((turned_back + (1 - _BACKSCATTER) * passed * dermis) @ _observer(), 0)


@lru_cache(maxsize=1)
def _observer() -> Array:
    """Weights (31, 3) from a reflectance spectrum to linear Rec. 709; 1 everywhere becomes white."""
    nm = WAVELENGTH

    def lobe(peak: float, low: float, high: float) -> Array:
        return np.asarray(np.exp(-0.5 * ((nm - peak) * np.where(nm < peak, low, high)) ** 2))

    x = 0.362 * lobe(442.0, 0.0624, 0.0374) + 1.056 * lobe(599.8, 0.0264, 0.0323)
    x = x - 0.065 * lobe(501.1, 0.0490, 0.0382)
    y = 0.821 * lobe(568.8, 0.0213, 0.0247) + 0.286 * lobe(530.9, 0.0613, 0.0322)
    z = 1.217 * lobe(437.0, 0.0845, 0.0278) + 0.681 * lobe(459.0, 0.0385, 0.0725)
    weights = (np.stack([x, y, z], 1) * _D65[:, None]) @ _XYZ_TO_RGB.T
    return np.asarray(weights / weights.sum(0))


LUT_MELANIN, LUT_BLOOD, LUT_OXYGEN = 40, 32, 4


@lru_cache(maxsize=1)
def color_table() -> Float:
    """Colors (40, 32, 4, 3) by skin tone -0.5..1.5, blood 0..1.5 and oxygenation 0..1: see `fractions`."""
    tone = np.linspace(-0.5, 1.5, LUT_MELANIN)[:, None, None]
    blood = np.linspace(0, 1.5, LUT_BLOOD)[None, :, None]
    oxygen = np.linspace(0, 1, LUT_OXYGEN)[None, None]
    shape = (LUT_MELANIN, LUT_BLOOD, LUT_OXYGEN)
    m, b = fractions(np.broadcast_to(tone, shape), np.broadcast_to(blood, shape))
    return skin_color(m, b, np.broadcast_to(oxygen, shape)).astype(np.float32)


def fractions(tone: Array, blood: Array) -> tuple[Array, Array]:
    """Volume fractions of melanin and blood at a skin tone and a blood level of 0..1, in even steps.

    From CIE L* of about 66 at tone 0 to 25 at tone 1, with the a* and b* of measured skins (Xiao et al.,
    Characterising the Variations in Ethnic Skin Colours, 2017; patches 1 and 2 of the ColorChecker).
    """
    even = np.maximum(np.asarray(tone, np.float64), 0.0) ** _EVEN
    melanin = MELANIN_LIGHT + (MELANIN_DARK - MELANIN_LIGHT) * even
    return melanin, BLOOD_PALE + (BLOOD_FLUSHED - BLOOD_PALE) * np.asarray(blood, np.float64) ** 1.5


def tone_of(color: Float) -> tuple[float, float]:
    """The skin tone and the blood level whose color comes nearest to a linear color (3,) in its logarithm."""
    tone, blood = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 51), indexing="ij")
    table = skin_color(*fractions(tone, blood), np.full(tone.shape, 0.75))
    error = ((np.log(table + 1e-3) - np.log(np.maximum(color, 0) + 1e-3)) ** 2).sum(-1)
    i, j = np.unravel_index(error.argmin(), error.shape)
    return float(tone[i, j]), float(blood[i, j])


WHITE_HAIR = np.array([0.31, 0.305, 0.29])


def hair_color(melanin: float, redness: float, gray: float) -> Float:
    """Linear color (3,) of hair; `melanin` 0 (none) to 1 (black), `redness` 0..1 its red share, `gray` 0..1.

    Absorption of the two melanins after d'Eon et al., An Energy-Conserving Hair Reflectance Model, 2011; the
    color of many fibers after Chiang et al., A Practical and Controllable Hair and Fur Model, 2016.
    """
    amount = 0.06 * (6.0 / 0.06) ** melanin
    red, black = np.array([0.187, 0.4, 1.05]), np.array([0.419, 0.697, 1.37])
    absorbed = amount * (redness * 2.2 * red + (1 - redness) * black)
    color = np.exp(-5.89 * np.sqrt(absorbed)) + np.array([0.008, 0.006, 0.005])
    return np.asarray(color * (1 - gray) + gray * WHITE_HAIR, np.float32)
