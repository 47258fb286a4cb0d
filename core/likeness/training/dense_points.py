"""Chooses the dense points of the head on the head data and writes `head/points.json`.

`python -m likeness.training.dense_points --data FOLDER`. Deterministic. The file holds indices only:
the 68 Multi-PIE points, then lids, lip contours and brows, then an even cover of face, ears and neck,
then the eyes' points, which have no vertex (iris center and eight rim points each).
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from likeness.training.facekit import SKIN, FaceKit, load_facekit

COVER_COUNT = 432  # points that lie on vertices; the eyes add 18
RIM_POINTS = 8
TWIN_CM = 0.05
TARGET = Path(__file__).parents[1] / "head" / "points.json"


def edge_graph(kit: FaceKit) -> csr_matrix:
    """Edge lengths of the skin's mesh as a sparse symmetric matrix."""
    edges = np.concatenate([np.stack([p, np.roll(p, -1)], 1) for p in kit.polygons if p.max() < SKIN[1]])
    length = np.linalg.norm(kit.vertices[edges[:, 0]] - kit.vertices[edges[:, 1]], axis=1)
    n = len(kit.vertices)
    graph = csr_matrix((length, (edges[:, 0], edges[:, 1])), (n, n))
    return graph.maximum(graph.T)


def path_between(graph: csr_matrix, start: int, end: int) -> list[int]:
    """Vertices of the shortest way along edges, both ends included."""
    _, previous = dijkstra(graph, indices=start, return_predecessors=True)
    way = [end]
    while way[-1] != start:
        way.append(int(previous[way[-1]]))
    return way[::-1]


def contour(graph: csr_matrix, corners: NDArray[np.int32]) -> list[int]:
    """The way through `corners` in order, without repeats."""
    way: list[int] = []
    for a, b in pairwise(corners):
        way += [v for v in path_between(graph, int(a), int(b)) if v not in way]
    return way


def thin(way: list[int], keep: set[int]) -> list[int]:
    """Every second vertex of the way, and all of `keep` on it."""
    return [v for i, v in enumerate(way) if i % 2 == 0 or v in keep]


def cover(kit: FaceKit, chosen: list[int], count: int) -> list[int]:
    """Farthest-point samples of face, ears and front of the neck, denser near eyes and mouth."""
    place = kit.vertices[: SKIN[1]].copy()
    wanted = (place[:, 1] > -10.5) & (place[:, 1] < 9.5) & (place[:, 2] > 0.0)
    wanted &= ~((place[:, 1] < -6.5) & (place[:, 2] < 4.0))
    closeness = np.exp(-((np.linalg.norm(place - np.array([0.0, -3.5, 10.8]), axis=1) / 3.0) ** 2))
    for side in (-1, 1):
        center = np.array([side * 3.1, 4.0, 9.0])
        closeness += np.exp(-((np.linalg.norm(place - center, axis=1) / 2.5) ** 2))
    density = 1.0 + 1.2 * closeness
    picked = list(chosen)
    distance = np.full(len(place), np.inf)
    for vertex in picked:
        distance = np.minimum(distance, np.linalg.norm(place - place[vertex], axis=1))
    while len(picked) < count:
        vertex = int(np.argmax(np.where(wanted, distance * density, -1.0)))
        picked.append(vertex)
        distance = np.minimum(distance, np.linalg.norm(place - place[vertex], axis=1))
    return picked


def twins(kit: FaceKit, chosen: list[int]) -> list[int]:
    """For each chosen vertex the place among them of the one that mirrors it; -1 where there is none."""
    place = kit.vertices[chosen]
    apart = np.linalg.norm(place[:, None] * np.array([-1.0, 1.0, 1.0]) - place, axis=2)
    return np.where(apart.min(axis=1) < TWIN_CM, apart.argmin(axis=1), -1).tolist()


def choose(kit: FaceKit) -> dict[str, object]:
    """The point set as plain data (see `likeness.head.points`)."""
    graph = edge_graph(kit)
    lm = kit.multipie68
    groups = {
        "lid_right_upper": contour(graph, lm[36:40]),
        "lid_right_lower": contour(graph, lm[[36, 41, 40, 39]]),
        "lid_left_upper": contour(graph, lm[42:46]),
        "lid_left_lower": contour(graph, lm[[42, 47, 46, 45]]),
        "lip_outer": contour(graph, lm[[*range(48, 60), 48]]),
        "lip_upper_inner": contour(graph, lm[60:65]),
        "lip_lower_inner": contour(graph, lm[[60, 67, 66, 65, 64]]),
        "brow_right": contour(graph, lm[17:22]),
        "brow_left": contour(graph, lm[22:27]),
    }
    groups = {name: thin(way, set(lm.tolist())) for name, way in groups.items()}
    chosen = [int(v) for v in lm]
    for group in groups.values():
        chosen += [v for v in group if v not in chosen]
    chosen = cover(kit, chosen, COVER_COUNT)
    return {
        "vertex": chosen,
        "twin": twins(kit, chosen),
        "rim_points": RIM_POINTS,
        "groups": {name: [chosen.index(v) for v in group] for name, group in groups.items()},
    }


def main() -> None:
    """Write the point set from the head data given by `--data`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    TARGET.write_text(json.dumps(choose(load_facekit(parser.parse_args().data))) + "\n")


if __name__ == "__main__":
    main()
