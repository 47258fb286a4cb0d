"""MediaPipe FaceMesh on stored frames. Runs in the peers' environment: python peer_mediapipe.py IN OUT MODE …

For each triple: IN is a .npy of RGB frames (F, H, W, 3) uint8, MODE is "video" or "still"; OUT becomes a .npz
of `points` (F, 478, 2) px, `found` (F,) and `seconds` (F,) of wall time a frame.
"""

from __future__ import annotations

import sys
import time

import mediapipe as mp
import numpy as np


def measure(frames, still):
    points = np.full((len(frames), 478, 2), np.nan, np.float32)
    seconds = np.zeros(len(frames))
    size = np.array([frames.shape[2], frames.shape[1]], np.float32)
    with mp.solutions.face_mesh.FaceMesh(
        static_image_mode=still, max_num_faces=1, refine_landmarks=True
    ) as mesh:
        for i, frame in enumerate(frames):
            start = time.perf_counter()
            faces = mesh.process(frame).multi_face_landmarks
            seconds[i] = time.perf_counter() - start
            if faces:
                points[i] = np.array([(p.x, p.y) for p in faces[0].landmark], np.float32) * size
    return points, ~np.isnan(points[:, 0, 0]), seconds


def main(words):
    for source, target, mode in zip(words[::3], words[1::3], words[2::3], strict=True):
        points, found, seconds = measure(np.load(source), mode == "still")
        np.savez(target, points=points, found=found, seconds=seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
