"""Where the worker runs, on what device, and where it keeps its files."""

# SPDX-License-Identifier: GPL-3.0-or-later

from pathlib import Path

import bpy

PACKAGE = __package__

DEVICES = (
    ("auto", "Automatic", "The fastest device that works here"),
    ("cpu", "CPU", "The processor"),
    ("cuda", "CUDA", "An NVIDIA card"),
    ("tensorrt", "TensorRT", "An NVIDIA card, with engines built on first use"),
    ("directml", "DirectML", "Any graphics card under Windows"),
    ("coreml", "Core ML", "Apple silicon"),
)


class LikenessPreferences(bpy.types.AddonPreferences):
    bl_idname = PACKAGE

    python: bpy.props.StringProperty(
        name="Python",
        description="Another Python that has Likeness installed, for example with CUDA. "
        "Empty: Blender's own, with what the extension brings",
        subtype="FILE_PATH",
    )
    device: bpy.props.EnumProperty(
        name="Device", description="Where models run", items=DEVICES, default="auto"
    )
    results: bpy.props.StringProperty(
        name="Results",
        description="Where results go if an effect's output is empty. Empty: the extension's own folder",
        subtype="DIR_PATH",
    )
    cache: bpy.props.StringProperty(
        name="Cache",
        description="Where analyses are kept for the next run. Empty: the extension's own folder",
        subtype="DIR_PATH",
    )
    cache_gb: bpy.props.FloatProperty(
        name="Cache Size (GB)",
        description="The oldest analyses are removed when there are more",
        default=10.0,
        min=0.1,
        soft_max=500.0,
    )

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "device")
        layout.prop(self, "python", placeholder="Blender's own")
        column = layout.column(align=True)
        column.prop(self, "results", placeholder="The extension's own folder")
        column.prop(self, "cache", placeholder="The extension's own folder")
        column.prop(self, "cache_gb")
        row = layout.row(align=True)
        row.operator("likeness.check_worker", icon="CHECKMARK", text="Check Worker")
        row.operator("likeness.open_folder", icon="FILE_FOLDER", text="Open Results").path = str(
            results_folder()
        )


def get() -> LikenessPreferences | None:
    """The preferences, or None where the extension is registered without being enabled."""
    addon = bpy.context.preferences.addons.get(PACKAGE)
    return addon.preferences if addon is not None else None


def device() -> str:
    """The device of a request."""
    chosen = get()
    return chosen.device if chosen is not None else "auto"


def python() -> str:
    """Another Python for the worker; empty for Blender's own."""
    chosen = get()
    return bpy.path.abspath(chosen.python) if chosen is not None and chosen.python else ""


def cache_gb() -> float:
    """How much the worker's cache may hold, in 10^9 bytes."""
    chosen = get()
    return chosen.cache_gb if chosen is not None else 10.0


def own_folder(name: str) -> Path:
    """A folder of the extension's own, which outlives its updates."""
    return Path(bpy.utils.extension_path_user(PACKAGE, path=name, create=True))


def results_folder() -> Path:
    """Where results go if nothing else is said."""
    chosen = get()
    named = bpy.path.abspath(chosen.results) if chosen is not None and chosen.results else ""
    return Path(named) if named else own_folder("results")


def cache_folder() -> Path:
    """Where the worker keeps analyses."""
    chosen = get()
    named = bpy.path.abspath(chosen.cache) if chosen is not None and chosen.cache else ""
    return Path(named) if named else own_folder("cache")
