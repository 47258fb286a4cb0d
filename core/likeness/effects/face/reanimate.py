"""Reanimate: a plate takes a performance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from likeness import demo
from likeness.declare import Effect, Input, Layer, Output, Param
from likeness.effects.face import parameters
from likeness.errors import BadRequest
from likeness.face import (
    backdrop,
    clothes,
    compose,
    cutout,
    glasses,
    heads,
    lending,
    mirror,
    plates,
    reenact,
    references,
    retarget,
    shutter,
    teeth,
)
from likeness.face import findings as faces
from likeness.face.backdrop import Backdrop
from likeness.face.fit import Fit, Lens, skin_px
from likeness.face.limbus import seen_radius
from likeness.face.part import Part, window
from likeness.face.person import build_person, with_meeting
from likeness.face.references import Reference
from likeness.face.rig import Rig, build_rig
from likeness.face.shot import choose_typical
from likeness.face.taken import Taken, take
from likeness.frames import CODEC
from likeness.head.model import load_head
from likeness.media.color import convert, display_view
from likeness.media.image import Image, color_channels, rgb
from likeness.media.look import Look
from likeness.performance import ARKIT, ROTATIONS, Performance, read_csv, resample, retime, smooth

if TYPE_CHECKING:
    from likeness.job import Job, Layers

Made = TypeVar("Made")

GLASSES_FRAMES = 5  # so many of a clip tell whether glasses are worn
IRIS_FRAMES = 5  # and so many of a shot, how large irises are
TEETH_FRAMES = 10  # and so many, how high teeth are


def frames(job: Job) -> Sequence[int]:
    """The plate's frames if it moves, else as many as the driver has."""
    if job.kind("driver") is None and not job.request.params.get("weights"):
        raise BadRequest("There is nothing to perform.", "Give a driver, or set weights.")
    plate = job.source("plate")
    if not plate.is_still:
        return list(plate.frames)
    kind = job.kind("driver")
    if kind == "picture" and not job.source("driver").is_still:
        return list(range(1, len(job.source("driver").frames) + 1))
    if kind == "performance":
        return list(range(1, len(_performance(job)) + 1))
    if job.request.frames is not None:
        first, _, last = job.request.frames.partition("-")
        return list(range(int(first), int(last or first) + 1))
    return [1]


def analyze(job: Job) -> dict[str, Any]:
    """Find and fit the face in the plate, and in driver and references if they are pictures."""
    found = faces.prefixed("plate", parameters.find(job, "plate"))
    if job.kind("driver") == "picture":
        driver = parameters.find(job, "driver", "driver_")
        found |= faces.prefixed("driver", driver | _clothes(job, driver))
    if _lends(job):
        lent = _find_references(job)
        found |= faces.prefixed("references", lent) | _find_views(job, faces.under("plate", found), lent)
    return found


def _clothes(job: Job, found: dict[str, Any]) -> dict[str, Any]:
    """The way of the driver's body through its one shot."""
    source = job.source("driver")
    if source.is_still or len(found["cuts"]):
        return {}

    def follow() -> dict[str, Any]:
        seen = found["frames"].tolist(), found["found"], found["points"]
        return {"body": clothes.follow(source.look, *seen, job.check)}

    return job.cached("clothes", follow, inputs=["driver"], params=parameters.chosen("driver_"))


def _find_references(job: Job) -> dict[str, Any]:
    source = job.source("references")

    def find() -> dict[str, Any]:
        return references.find(
            load_head(),
            source,
            (source.width, source.height),
            most=int(job.params["references_most"]),  # type: ignore[arg-type]
            device=job.device,
            tell=lambda done, total: job.progress(done, total, "look at references"),
        )

    return job.cached("references", find, inputs=["references"], params=["references_most"])


def _find_views(job: Job, own: dict[str, Any], lent: dict[str, Any]) -> dict[str, Any]:
    """What a still's own camera shows of its person in the references, and that person's fit to the plate."""
    plate, source = job.source("plate"), job.source("references")
    if not plate.is_still or not own["found"][0]:
        return {"views_same": np.zeros(len(lent["frames"]), bool)}

    def find() -> dict[str, Any]:
        return plates.find(load_head(), plate.look(1), own, source.look, lent, job.device)

    params = [*parameters.chosen(), "references_most"]
    return job.cached("views", find, inputs=["plate", "references"], params=params)


def render(job: Job, frame: int) -> Layers:
    """One frame: pose the plate's head as the driver says, redraw it, lay it over the plate."""
    source = job.source("plate")
    found = faces.under("plate", job.findings)
    index = 0 if source.is_still else int(np.flatnonzero(found["frames"] == frame)[0])
    if not found["found"][index]:
        return _untouched(job, source.read(frame))
    image, drawn = _drawn(job, found, index, frame)
    if not source.is_still:
        job.let_go("taken")
    return _untouched(job, image) if drawn is None else _layers(job, image, drawn, frame)


def _drawn(job: Job, found: dict[str, Any], index: int, frame: int) -> tuple[Image, reenact.Drawn | None]:
    """The plate's picture and the head drawn into it; None if nothing moves or it is out of the picture."""
    fit = faces.fit_of(found, index)
    shot = faces.shot_of(found, index)
    wanted = _target(job, found, index, job.shot.index(frame))
    rig, lens = _rig(job, found, index), shot.lens
    image, taken = _taken(job, rig, fit, lens, frame, found, index)
    wrinkles = float(job.params["wrinkles"])  # type: ignore[arg-type]
    lenders = _lenders(job, rig, found, index)
    lent = _lent(job, rig, taken, lenders)
    views = _views(job, rig, taken, lens, lent)
    taken = _with_eyes(job, rig, views.own, lens, lenders)
    stands = _heads(job, rig, views, wanted, lens, lent)
    picture = image.pixels if _three(image) == (0, 1, 2) else rgb(image)
    layers, way = len(job.layers) > 1, _way(job, found, index, wanted, frame)
    retake = reenact.Retake(rig, taken, wanted, lens, picture, layers, lent, wrinkles, way)
    retake = _with_far_side(job, retake)
    return image, heads.redraw_with(stands, retake) if stands else reenact.redraw(retake)


def _rig(job: Job, found: dict[str, Any], index: int) -> Rig:
    """The head of the shot in which that frame is: what its pictures tell of it is found once."""
    source, lens = job.source("plate"), faces.lens_of(found, index)
    shot, chosen = faces.shot_number(found, index), parameters.chosen()

    def build() -> Rig:
        person = build_person(load_head(), faces.shot_of(found, index))
        seen = np.flatnonzero(found["found"] & faces.same_shot(found, index))
        away = float(np.median(found["translation"][seen][:, 2]))
        rig = build_rig(with_meeting(person, found["expression"][seen]), lens.focal_px / away)
        told = job.cached(f"person of shot {shot}", lambda: tell(rig, seen), inputs=["plate"], params=chosen)
        person = teeth.raised(rig.person, float(told["raised_cm"]))
        return replace(rig, person=replace(person, iris_cm=float(told["iris_cm"])))

    def tell(rig: Rig, seen: NDArray[np.intp]) -> dict[str, Any]:
        def looks(some: Sequence[int]) -> Iterator[tuple[Look, Fit]]:
            # in their order, which is how a clip is read fastest
            return (
                (source.look(int(found["frames"][i])), faces.fit_of(found, i)) for i in sorted(seen[some])
            )

        points = found["points"][seen]
        irises, open_ = choose_typical(points, IRIS_FRAMES), teeth.widest(points, TEETH_FRAMES)
        return {
            "iris_cm": seen_radius(rig.person, lens, looks(irises)),
            "raised_cm": teeth.raised_cm(rig.person, rig.inside, lens, looks(open_)),
        }

    return job.keep("rig", build, inputs=["plate"], params=chosen, frame=shot)


def _way(job: Job, found: dict[str, Any], index: int, wanted: Fit, frame: int) -> shutter.Way | None:
    """How far the face goes, beyond what it does in the plate, while the shutter is open."""
    angle_deg = float(job.params["shutter_deg"])  # type: ignore[arg-type]
    if angle_deg <= 0:
        return None
    shot = faces.shot_of(found, index)
    beyond, at = [], job.shot.index(frame)
    for step in range(max(at - 1, 0), min(at + 2, len(job.shot))):
        own = index if job.source("plate").is_still else index + step - at
        if not found["found"][own] or faces.shot_number(found, own) != faces.shot_number(found, index):
            continue
        fit = faces.fit_of(found, own)
        there = wanted if step == at else _target(job, found, own, step)
        beyond.append(skin_px(load_head(), shot, there) - skin_px(load_head(), shot, fit))
    return shutter.way_of(beyond, skin_px(load_head(), shot, wanted), angle_deg)


def _taken(
    job: Job, rig: Rig, fit: Fit, lens: Lens, frame: int, found: dict[str, Any], index: int
) -> tuple[Image, Taken]:
    """The plate's picture and the same taken apart; a still is taken apart once."""
    source = job.source("plate")
    at = None if source.is_still else frame

    def both() -> tuple[Image, Taken]:
        behind = None if source.is_still else _backdrop(job, found, index)  # before much is held
        image = source.read(frame)
        plate = image.pixels if image.pixels.shape[2] == 3 == len(set(_three(image))) else rgb(image)
        shown = display_view(plate, source.linear_colorspace)
        seed, glasses_sure = (job.request.seed, at or 0), _glasses(job, shown)  # a still's grain stands still
        return image, take(rig, plate, fit, lens, shown, seed, glasses_sure, job.device, backdrop=behind)

    return job.keep("taken", both, inputs=["plate"], params=parameters.chosen(), frame=at)


def _backdrop(job: Job, found: dict[str, Any], index: int) -> Backdrop | None:
    """What other frames of a clip's shot show behind the head: it is found when the shot is first drawn."""
    source, shot, chosen = job.source("plate"), faces.shot_number(found, index), parameters.chosen()

    def find() -> dict[str, Any]:
        seen = np.flatnonzero(found["found"] & faces.same_shot(found, index))

        def look(k: int) -> tuple[Any, Any]:
            plate = rgb(source.read(int(found["frames"][seen[k]])))
            return plate, display_view(plate, source.linear_colorspace)

        size = source.height, source.width
        return backdrop.pack(cutout.backdrop_of(look, found["points"][seen], size, job.device))

    def kept() -> Backdrop | None:
        return backdrop.of(job.cached(f"backdrop of shot {shot}", find, inputs=["plate"], params=chosen))

    return job.keep("backdrop", kept, inputs=["plate"], params=chosen, frame=shot)


def _glasses(job: Job, shown: Any) -> float:
    """How sure the plate's person wears glasses: a clip is asked once, at a few frames."""
    source, found = job.source("plate"), faces.under("plate", job.findings)

    def ask() -> float:
        if source.is_still:
            return glasses.worn(lambda: [(shown, found["points"][0])], job.device)
        seen = np.flatnonzero(found["found"])
        few = seen[np.linspace(0, len(seen) - 1, min(GLASSES_FRAMES, len(seen))).astype(int)]
        return glasses.worn(lambda: (look(i) for i in few), job.device)

    def look(i: int) -> tuple[Any, Any]:
        plate = rgb(source.read(int(found["frames"][i])))
        return display_view(plate, source.linear_colorspace), found["points"][i]

    return job.keep("glasses", ask, inputs=["plate"], params=parameters.chosen())


def _lenders(job: Job, rig: Rig, found: dict[str, Any], index: int) -> lending.Lenders:
    """The references as they are; without any, those frames of a clip's shot that are most typical of it."""
    if _lends(job):
        return _kept(job, "references", lambda: lending.lenders(_references(job)))
    most, source = int(job.params["references_most"]), job.source("plate")  # type: ignore[arg-type]
    if source.is_still or most == 0:
        return lending.lenders([])

    def own() -> lending.Lenders:
        seen = np.flatnonzero(found["found"] & faces.same_shot(found, index))
        chosen, lens = seen[choose_typical(found["points"][seen], most)], faces.lens_of(found, index)
        pictures = ((rgb(source.read(int(found["frames"][i]))), faces.fit_of(found, i)) for i in chosen)
        return lending.lenders([lending.refer(rig, picture, fit, lens) for picture, fit in pictures])

    params, shot = [*parameters.chosen(), "references_most"], faces.shot_number(found, index)
    return job.keep("own references", own, inputs=["plate"], params=params, frame=shot)


def _lends(job: Job) -> bool:
    """Whether there are references, and they may lend."""
    return job.kind("references") is not None and job.params["references_most"] != 0


def _lent(job: Job, rig: Rig, taken: Taken, lenders: lending.Lenders) -> Sequence[Reference]:
    """What the references lend to this frame of the plate, in its colors."""
    if not lenders.references:
        return ()
    still = job.source("plate").is_still

    def lent() -> list[Reference]:
        there = (lending.laid(one, rig, taken) if still else one for one in lenders.references)
        return [lending.matched(one, rig, taken) for one in there]

    return _kept(job, "lent", lent) if still else lent()


def _with_eyes(job: Job, rig: Rig, taken: Taken, lens: Lens, lenders: lending.Lenders) -> Taken:
    """The plate's frame with eyes that have what references show of them."""
    if not lenders.references:
        return taken

    def whole() -> Taken:
        return lending.with_eyes(taken, rig, lens, lenders.eyeballs)

    return _kept(job, "eyes", whole) if job.source("plate").is_still else whole()


def _kept(job: Job, name: str, make: Callable[[], Made]) -> Made:
    """What is made once of the plate and its references."""
    params = [*parameters.chosen(), "references_most"]
    return job.keep(name, make, inputs=["plate", "references"], params=params)


def _references(job: Job) -> list[Reference]:
    """The references as they are, in the plate's color space."""
    found = faces.under("references", job.findings)
    out = []
    for k in range(len(found["frames"])):
        shot = references.shot_of(found, k)
        person, fit = build_person(load_head(), shot), faces.fit_of(found, k)
        look = job.source("references").look(int(found["frames"][k]))
        rig = build_rig(replace(person, iris_cm=seen_radius(person, shot.lens, [(look, fit)])))
        out.append(lending.refer(rig, _in_plates_space(job, k), fit, shot.lens))
    return out


@dataclass(frozen=True)
class _Views:
    """The plate taken apart, its `own` view, and references of its camera: as `seen`, and as they `stand`.

    Each lends the others what it shows of the background.
    """

    own: Taken
    seen: dict[int, plates.View]
    stand: dict[int, tuple[heads.Stand, Taken]]


def _views(job: Job, rig: Rig, taken: Taken, lens: Lens, lent: Sequence[Reference]) -> _Views:
    """The views of a still, taken apart once."""
    if not _whole_heads(job, lent):
        return _Views(taken, {}, {})

    def make() -> _Views:
        seen = {k: view for k, view in enumerate(plates.views_of(job.findings)) if view is not None}
        if not seen:
            return _Views(taken, {}, {})
        stand = {}
        for k, view in seen.items():
            picture = _in_plates_space(job, k)
            alone = _apart(job, plates.rig_of(view, rig), picture, view.fit, lens)
            stand[k] = plates.stand(picture, alone), alone
        own, *others = plates.uncover([taken, *(alone for _, alone in stand.values())])
        stand = {k: (there, one) for (k, (there, _)), one in zip(stand.items(), others, strict=True)}
        return _Views(own, seen, stand)

    return _kept(job, "views", make)


def _whole_heads(job: Job, lent: Sequence[Reference]) -> bool:
    """Whether references lend more than the face."""
    return bool(lent) and job.params["references_lend"] != "face" and job.source("plate").is_still


def _heads(
    job: Job, rig: Rig, views: _Views, wanted: Fit, lens: Lens, lent: Sequence[Reference]
) -> list[heads.Lent]:
    """The references whose whole heads stand in for a still's own, with their shares."""
    if not _whole_heads(job, lent):
        return []
    plate, *poses = _poses(job, rig, views, lent)
    share = heads.shares(heads.pose_of(rig.person, wanted), plate, poses)
    out = []
    for k in np.flatnonzero(share.any(axis=0)).tolist():
        made = views.stand[k] if k in views.stand else _stand(job, rig, views.own, lens, lent[k], k)
        if made is not None:
            out.append(heads.Lent(*made, share[:, k]))
    return out


def _with_far_side(job: Job, retake: reenact.Retake) -> reenact.Retake:
    """A still's retake, with its mirror image behind the head where a turn brings the far side into sight."""
    if not (job.params["far_side"] and job.source("plate").is_still):
        return retake
    taken, lens = retake.taken, retake.lens
    if not mirror.comes(taken.fit, retake.target):
        return retake
    params = parameters.chosen()
    image = job.keep("mirror", lambda: mirror.mirror(taken, lens), inputs=["plate"], params=params)
    return retake if image is None else replace(retake, behind=mirror.behind(image, retake))


def _poses(job: Job, rig: Rig, views: _Views, lent: Sequence[Reference]) -> list[heads.Pose]:
    """How the plate's own head stands, and that of every reference.

    The ways of their bodies matter if the driver's is known.
    """
    followed = "driver_body" in job.findings

    def make() -> list[heads.Pose]:
        own, seen = views.own.fit, views.seen
        there = [seen[k].fit if k in seen else heads.standing(own, one.fit) for k, one in enumerate(lent)]
        there = there if followed else [replace(fit, body=None) for fit in there]
        necks = [True, *(k in seen for k in range(len(lent)))]
        return [heads.pose_of(rig.person, fit, neck) for fit, neck in zip([own, *there], necks, strict=True)]

    return _kept(job, "poses of bodies" if followed else "poses", make)


def _in_plates_space(job: Job, k: int) -> Any:
    """The picture (H, W, 3) of one reference, in the plate's color space."""
    source, space = job.source("references"), job.source("plate").linear_colorspace
    frame = int(faces.under("references", job.findings)["frames"][k])
    return convert(rgb(source.read(frame)), source.linear_colorspace, space)


def _stand(
    job: Job, rig: Rig, taken: Taken, lens: Lens, lent: Reference, k: int
) -> tuple[heads.Stand, Taken] | None:
    """The plate with the head of one reference, and the same taken apart."""

    def make() -> tuple[heads.Stand, Taken] | None:
        picture = _in_plates_space(job, k)
        shown = display_view(picture, job.source("plate").linear_colorspace)
        stand = heads.put(lent, picture, shown, rig.person, taken, lens, job.device)
        del picture, shown  # a large picture leaves no room for all of these
        if stand is None:
            return None
        alone = _apart(job, rig, stand.plate, stand.fit, lens, stand.clean)
        return replace(stand, clean=None), alone

    return _kept(job, f"head {k}", make)


def _apart(job: Job, rig: Rig, picture: Any, fit: Fit, lens: Lens, behind: Any = None) -> Taken:
    """A still `picture` (H, W, 3) taken apart, in the plate's color space."""
    shown = display_view(picture, job.source("plate").linear_colorspace)
    seed, sure = (job.request.seed, 0), _glasses(job, shown)
    return take(rig, picture, fit, lens, shown, seed, sure, job.device, behind)


def _performance(job: Job) -> Performance:
    path = job.path("driver")
    assert path is not None
    performance = job.keep("performance", lambda: read_csv(path), inputs=["driver"])
    plate = job.source("plate")
    if plate.fps and not plate.is_still:
        performance = resample(performance, float(plate.fps))
    return performance


def _driver(job: Job) -> tuple[retarget.Driver | None, int | None]:
    """The driver in the shot's timing, and the index of its neutral frame (None: absolute)."""
    if "driver" in job.memo:
        kept: tuple[retarget.Driver | None, int | None] = job.memo["driver"]
        return kept
    kind = job.kind("driver")
    driver: retarget.Driver | None = None
    if kind == "performance":
        driver = retarget.from_performance(_performance(job))
    elif kind == "picture":
        found = faces.under("driver", job.findings)
        fps = float(job.source("driver").fps or 25)
        driver = retarget.from_findings(found, fps)
    neutral: int | None = None
    if driver is not None:
        rest = _neutral(job, driver)
        driver = _timed(job, driver, rest)
        if rest is not None:
            neutral = len(driver.position) - 1  # `_timed` puts it last
    job.memo["driver"] = (driver, neutral)
    return driver, neutral


def _neutral(job: Job, driver: retarget.Driver) -> list[int] | None:
    """The driver's frames, as indices, whose mean is its neutral; None if it has none."""
    if job.params["mode"] == "absolute":
        return None
    asked = parameters.resting(job, range(1, len(driver.position) + 1))
    return asked or [retarget.neutral_frame(driver)]


def _timed(job: Job, driver: retarget.Driver, rest: list[int] | None) -> retarget.Driver:
    """Smooth and retime; the mean of the frames of `rest` is appended."""
    performance, own = driver.performance, (driver.position, driver.body, driver.corrective)
    tracks: list[Any] = list(own)
    seconds = float(job.params["smoothing_s"])  # type: ignore[arg-type]
    if seconds > 0:
        performance = smooth(performance, seconds)
    plate = job.source("plate")
    if not plate.is_still:
        count = len(performance)
        if job.params["timing"] == "plate":
            performance = retime(performance, len(job.shot))
        elif plate.fps:
            performance = resample(performance, float(plate.fps))
        if len(performance) != count:
            tracks = [retarget.between(track, len(performance)) for track in own]
    if rest is not None:
        calm = driver.performance
        performance = Performance(
            performance.fps,
            _with_mean(performance.weights, calm.weights[rest]),
            _with_mean(performance.head, calm.head[rest]),
            _with_mean(performance.eyes, calm.eyes[rest]),
            np.r_[performance.time_s, performance.time_s[-1] + 1 / performance.fps],
        )
        tracks = [_with_mean(track, still[rest]) for track, still in zip(tracks, own, strict=True)]
    position, body, corrective = tracks
    return replace(driver, performance=performance, position=position, body=body, corrective=corrective)


def _with_mean(frames: Any, others: Any) -> Any:
    return np.concatenate([frames, others.mean(axis=0, keepdims=True)])


def _target(job: Job, found: dict[str, Any], index: int, step: int) -> Fit:
    """What the frame found at `index` shall do under frame `step` of the driver."""
    driver, neutral = _driver(job)
    count = 0 if driver is None else len(driver.position) - (neutral is not None)
    fit, rest = faces.fit_of(found, index), faces.shot_of(found, index).rest
    lids = retarget.usual_lids(found["expression"][found["found"] & faces.same_shot(found, index)])
    return retarget.target(fit, rest, driver, min(step, count - 1), neutral, job.params, lids)


def _untouched(job: Job, image: Image) -> Layers:
    """The plate as it is, and empty layers."""
    layers: Layers = {"comp": image}
    for layer in LAYERS[1:]:
        if layer.name in job.layers:
            empty = np.zeros((1, 1, len(layer.channels)), np.float32)
            layers[layer.name] = _image(empty, layer, image, (0, 0))
    return layers


def _layers(job: Job, image: Image, drawn: reenact.Drawn, frame: int) -> Layers:
    """The picture with the drawn region, and every layer with its data window."""
    x, y = drawn.origin
    height, width = drawn.matte.shape
    spot = (slice(y, y + height), slice(x, x + width))
    picture, matte = drawn.picture, drawn.matte
    if job.kind("holdout") is not None:
        holdout = job.source("holdout")
        in_front = rgb(holdout.read(frame))[spot][..., 0]
        if in_front.shape != matte.shape:
            raise BadRequest("The holdout matte has another size than the plate.", "Give one of its size.")
        matte = compose.hold_out(rgb(_cut(image, spot)), matte, picture[spot][..., :3], in_front)
    layers: Layers = {"comp": _with_color(image, picture, matte, spot)}
    if len(job.layers) == 1:
        return layers
    shown = window(matte)
    parts = drawn.layers | {"matte": Part(shown, matte[shown][..., None])}
    if "face" in job.layers:
        alone = compose.isolated(image.pixels, picture, matte, _three(image), drawn.origin, shown)
        parts["face"] = Part(shown, alone)
    for layer in LAYERS[1:]:
        if layer.name in job.layers:
            down, right = parts[layer.name].spot
            corner = (x + right.start, y + down.start)
            layers[layer.name] = _image(parts[layer.name].values, layer, image, corner)
    return layers


def _cut(image: Image, spot: tuple[slice, slice]) -> Image:
    return Image(image.pixels[spot], image.channels)


def _three(image: Image) -> tuple[int, ...]:
    """The channels of red, green and blue; a gray picture has one for all."""
    chosen = color_channels(image.channels)
    return chosen if len(chosen) == 3 else chosen * 3


def _with_color(image: Image, picture: Any, matte: Any, spot: tuple[slice, slice]) -> Image:
    """The plate with the picture's color where the matte is; all other channels stay."""
    if picture.shape == image.pixels.shape and _three(image) == (0, 1, 2):
        return replace(image, pixels=picture)
    pixels, color = image.pixels.copy(), picture[spot]
    if len(color_channels(image.channels)) != 3:
        color = np.repeat(color.mean(axis=2, keepdims=True), 3, axis=2)
    compose.paste(pixels[spot], color, matte, _three(image))
    return replace(image, pixels=pixels)


def _image(values: Any, layer: Layer, image: Image, corner: tuple[int, int]) -> Image:
    kind = "float" if layer.name in ("uv", "depth", "position", "motion") else "half"
    return Image(
        values,
        layer.channels,
        (image.origin[0] + corner[0], image.origin[1] + corner[1]),
        image.display,
        image.pixel_aspect,
        formats=(kind,) * len(layer.channels),
    )


def _strength(region: str, what: str) -> Param:
    return Param(
        f"strength_{region}",
        "float",
        1.0,
        f"{region.capitalize()} strength",
        f"How much of the driver's {what} is taken over.",
        0.0,
        2.0,
        group="Strength",
        analyzed=False,
    )


LAYERS = (
    Layer("comp", ("R", "G", "B", "A"), "The finished picture; the plate's other channels come with it."),
    Layer(
        "face",
        ("R", "G", "B", "A"),
        "What was drawn, alone and premultiplied: over the plate it is the comp.",
    ),
    Layer("matte", ("A",), "Where the picture changed: 0 keeps the plate's own pixel."),
    Layer(
        "mouth", ("R", "G", "B", "A"), "The inside of the mouth alone, premultiplied, without motion blur."
    ),
    Layer("eyes", ("R", "G", "B", "A"), "Eyeballs and irises alone, premultiplied, without motion blur."),
    Layer("uv", ("u", "v"), "Texture coordinates of the house head, 0 to 1."),
    Layer("normal", ("x", "y", "z"), "Unit normals in camera space: x right, y down, z away."),
    Layer("depth", ("Z",), "Distance from the camera along its axis, centimeters; 0 where there is no head."),
    Layer("position", ("x", "y", "z"), "Points in camera space, centimeters: x right, y down, z away."),
    Layer(
        "motion", ("x", "y"), "Where the plate's pixel went: displacement from plate to comp, pixels, y down."
    ),
)

REANIMATE = Effect(
    name="reanimate",
    pillar="face",
    label="Reanimate Face",
    help="A portrait, painting or clip takes the performance of an actor, of a file or of sliders.",
    inputs=(
        Input("plate", ("picture",), "Plate", "The picture or clip whose face shall move."),
        Input(
            "driver",
            ("performance", "picture"),
            "Driver",
            "Who performs: a clip or still of a face, or a Live Link Face CSV.",
            required=False,
            columns=(*ARKIT, *ROTATIONS),
        ),
        Input(
            "references",
            ("picture",),
            "References",
            "Other pictures or a clip of the plate's person: teeth, lids, wrinkles, the face's far side "
            "and a still's hair are taken from the ones that look most alike. A clip has its own frames.",
            required=False,
        ),
        Input(
            "holdout",
            ("matte",),
            "Holdout matte",
            "White where the plate is in front of the face and must stay as it is.",
            required=False,
        ),
    ),
    params=(
        Param(
            "mode",
            "choice",
            "relative",
            "Mode",
            "Relative adds the driver's change from its neutral to the plate; absolute replaces the plate's.",
            choices=("relative", "absolute"),
            analyzed=False,
        ),
        parameters.neutral(
            "The driver's frames, counted from 1, in which the actor rests, such as 12, 40-48; "
            "without, the calmest one."
        ),
        Param(
            "timing",
            "choice",
            "driver",
            "Timing",
            "On a clip: keep the driver's own timing, or stretch it to the plate's length.",
            choices=("driver", "plate"),
            analyzed=False,
        ),
        Param(
            "smoothing_s",
            "float",
            0.0,
            "Smoothing",
            "Smooths the performance over this time.",
            0,
            2,
            "s",
            analyzed=False,
        ),
        Param(
            "strength",
            "float",
            1.0,
            "Strength",
            "How much of the whole performance is taken over.",
            0,
            2,
            group="Strength",
            analyzed=False,
        ),
        _strength("mouth", "mouth"),
        _strength("eyes", "blinks, squints and wide eyes"),
        _strength("brows", "brows"),
        _strength("cheeks", "cheeks and nose"),
        _strength("jaw", "jaw"),
        _strength("gaze", "gaze"),
        _strength("head", "head turns; 0 holds the head still"),
        Param(
            "head_position",
            "float",
            0.0,
            "Head position",
            "How much of the driver's head travel is taken over; 0 turns the head on its neck.",
            0,
            1,
            group="Strength",
            analyzed=False,
        ),
        Param(
            "wrinkles",
            "float",
            1.0,
            "Wrinkles",
            "How deep smiles, frowns and raised brows fold the skin; less for a child, more for the old.",
            0.0,
            3.0,
            analyzed=False,
        ),
        Param(
            "shutter_deg",
            "float",
            0.0,
            "Shutter",
            "Motion blur of what the performance adds: 180 as most film cameras have it, 0 none.",
            0.0,
            360.0,
            "deg",
            analyzed=False,
        ),
        Param(
            "far_side",
            "bool",
            True,
            "Far side",
            "Where a still's head turns toward the camera, ear and hair that come into sight are those of "
            "its near side. Off: only skin comes.",
            analyzed=False,
        ),
        Param(
            "weights",
            "weights",
            {},
            "Sliders",
            "Values added to the shapes by ARKit name, such as jawOpen.",
            -1,
            1,
            choices=ARKIT,
            analyzed=False,
        ),
        Param(
            "references_most",
            "int",
            5,
            "Most references",
            "So many of the references' most typical frames are used, or without references of a clip's own; "
            "0: none.",
            0,
            24,
            group="References",
        ),
        Param(
            "references_lend",
            "choice",
            "head",
            "References lend",
            "A still's whole head, with hair and ears, or the face alone: where hair differs.",
            choices=("head", "face"),
            group="References",
            analyzed=False,
        ),
        *parameters.face(),
        *parameters.face("driver_", "driver"),
        parameters.FOCAL,
        parameters.LAYERS,
        CODEC,
    ),
    outputs=(Output("comp", "sequence", "The plate with its face reanimated, and the layers."),),
    layers=LAYERS,
    models=(*parameters.FACE_MODELS, "face_regions", "head", "head_mesh"),
    frames=frames,
    analyze=analyze,
    render=render,
    rehearsal={"inputs": {"plate": str(demo.PORTRAIT), "driver": str(demo.PERFORMANCE)}, "frames": "67"},
)
