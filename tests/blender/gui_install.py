"""Installs the zip as a user does, and saves the preferences for the tour of `gui.py`."""

import bpy

bpy.ops.extensions.package_install_files(
    repo="user_default", filepath="/likeness/home/likeness.zip", enable_on_install=True
)
# The operator says FINISHED even where it refused.
assert "bl_ext.user_default.likeness" in bpy.context.preferences.addons
bpy.context.preferences.view.show_splash = False
bpy.context.preferences.view.ui_scale = 1.15
bpy.ops.wm.save_userpref()
