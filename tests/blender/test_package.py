"""The zip itself: it installs in a clean profile, its worker has nothing but what the zip brings."""

from __future__ import annotations

from typing import Any


def _worker_says() -> dict[str, Any]:
    import sys

    import bpy
    from bl_ext.user_default.likeness import worker_paths

    from likeness_client import Client

    folder = bpy.utils.extension_path_user("bl_ext.user_default.likeness", create=True)
    words = worker_paths.worker_command(folder)
    with Client(words, worker_paths.worker_environment(folder)) as client:
        told = client.hello()
    import numpy

    return {"hello": told, "words": words, "modules": sorted(sys.modules), "numpy": numpy.__version__}


def test_worker_starts_from_the_zip(blender: Any) -> None:
    told = blender.run(_worker_says)
    assert told["hello"]["python"].startswith("3.11")
    assert {"reanimate", "tiny"} <= {effect["name"] for effect in told["hello"]["effects"]}
    # Blender keeps its own numpy, and nothing of the worker's comes into it.
    assert told["numpy"].startswith("1.26")
    assert not {"onnxruntime", "likeness", "numba", "cv2"} & set(told["modules"])
