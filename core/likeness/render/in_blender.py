"""Runs inside Blender, not in the core: draws pictures of a model with Cycles as a JSON file asks.

The file is the last word of the command line. It names the `model` (GLB), its `hair` (NPZ), `lights`,
`views`, `size` in pixels and `samples`; see `likeness.human.cycles`, which writes it. Every view becomes an
EXR, linear Rec. 709 with alpha, and a line on stdout when it is there. The model is in metres, Y up.
"""

import json
import math
import sys

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector

OLDEST = (4, 2)
UPRIGHT = Matrix(((1, 0, 0, 0), (0, 0, -1, 0), (0, 1, 0, 0), (0, 0, 0, 1)))  # Y up to Z up


def main(path):
    with open(path, encoding="utf-8") as file:
        asked = json.load(file)
    if bpy.app.version < OLDEST:
        sys.exit("Blender {}.{} is too old, {}.{} is needed".format(*bpy.app.version[:2], *OLDEST))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=asked["model"], disable_bone_shape=True)
    for material in bpy.data.materials:
        surface(material, asked["surfaces"].get(material.name, {}))
    hair = [Hair(*each) for each in read_hair(asked["hair"])]
    scene = settings(asked["size"], asked["samples"])
    for view in asked["views"]:
        pose(view["weights"], view["turns"])
        for each in hair:
            each.follow(view["weights"])
        place(scene.camera, view)
        light(scene, asked["lights"][view["light"]])
        scene.render.filepath = view["to"]
        bpy.ops.render.render(write_still=True)
        print("drawn", view["to"], flush=True)


def settings(size, samples):
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.adaptive_threshold = 0.02
    scene.cycles.max_bounces, scene.cycles.transparent_max_bounces = 6, 16
    scene.cycles.sample_clamp_indirect = 3.0
    scene.render.use_persistent_data = True
    scene.render.film_transparent = True
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    image = scene.render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"
    image.file_format, image.color_mode, image.color_depth = "OPEN_EXR", "RGBA", "32"
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    return scene


def surface(material, words):
    """Give an imported material what glTF cannot say; one that is `clear` is made anew.

    `wet` is a roughness: what is rougher does not shine, as the iris, over which the cornea does.
    """
    tree = material.node_tree
    if "clear" in words:
        clear(tree, words["clear"])
        return
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    for name, value in words.items():
        if name == "Subsurface Method":
            shader.subsurface_method = value
        elif name == "wet":
            shine = tree.nodes.new("ShaderNodeMapRange")
            for end, number in {
                "From Min": 0.7 * value,
                "From Max": value,
                "To Min": 0.5,
                "To Max": 0,
            }.items():
                shine.inputs[end].default_value = number
            tree.links.new(shader.inputs["Roughness"].links[0].from_socket, shine.inputs["Value"])
            tree.links.new(shine.outputs["Result"], shader.inputs["Specular IOR Level"])
        else:
            shader.inputs[name].default_value = value


def clear(tree, ior):
    """Gloss over what refracts; light goes straight to what lies below, or only chance would find it."""
    tree.nodes.clear()
    made = {
        name: tree.nodes.new(f"ShaderNode{kind}")
        for name, kind in {
            "out": "OutputMaterial",
            "lit": "MixShader",
            "seen": "MixShader",
            "path": "LightPath",
            "fresnel": "Fresnel",
            "through": "BsdfTransparent",
            "bent": "BsdfRefraction",
            "gloss": "BsdfGlossy",
        }.items()
    }
    for name in ("fresnel", "bent"):
        made[name].inputs["IOR"].default_value = ior
    made["bent"].inputs["Roughness"].default_value = 0.0
    made["gloss"].inputs["Roughness"].default_value = 0.03
    for source, target in (
        (made["fresnel"].outputs[0], made["seen"].inputs[0]),
        (made["bent"].outputs[0], made["seen"].inputs[1]),
        (made["gloss"].outputs[0], made["seen"].inputs[2]),
        (made["path"].outputs["Is Camera Ray"], made["lit"].inputs[0]),
        (made["through"].outputs[0], made["lit"].inputs[1]),
        (made["seen"].outputs[0], made["lit"].inputs[2]),
        (made["lit"].outputs[0], made["out"].inputs["Surface"]),
    ):
        tree.links.new(source, target)


def read_hair(path):
    """What `Hair` is made from: name, points (N, S, 3), radius (N,), color (N, 3), root moves by shape."""
    if not path:
        return []
    with np.load(path) as found:
        names = dict.fromkeys(key.split("/")[0] for key in found)
        return [
            (
                name,
                *(found[f"{name}/{what}"] for what in ("points", "radius", "color")),
                {key.split("/")[2]: found[key] for key in found if key.startswith(f"{name}/moved/")},
            )
            for name in names
        ]


class Hair:
    """Curves whose roots go along with the face."""

    def __init__(self, name, points, radius, color, moved):
        self.points, self.moved = points, moved
        count, steps = points.shape[:2]
        self.curves = bpy.data.hair_curves.new(name)
        self.curves.add_curves([steps] * count)
        made = self.curves.attributes
        thick = made.get("radius") or made.new("radius", "FLOAT", "POINT")
        along = np.linspace(1, 0.25, steps, dtype=np.float32)
        thick.data.foreach_set("value", (radius[:, None] * along).ravel())
        tint = made.new("tint", "FLOAT_COLOR", "CURVE")
        tint.data.foreach_set(
            "color", np.concatenate([color, np.ones((count, 1))], 1).astype(np.float32).ravel()
        )
        self.curves.materials.append(self.material(name))
        bpy.context.scene.collection.objects.link(bpy.data.objects.new(name, self.curves))
        self.follow({})

    @staticmethod
    def material(name):
        material = bpy.data.materials.new(name)
        material.use_nodes = True
        tree = material.node_tree
        tree.nodes.clear()
        out, shader = (
            tree.nodes.new("ShaderNodeOutputMaterial"),
            tree.nodes.new("ShaderNodeBsdfHairPrincipled"),
        )
        tint = tree.nodes.new("ShaderNodeAttribute")
        tint.attribute_name = "tint"
        shader.parametrization = "COLOR"
        shader.inputs["Roughness"].default_value = 0.35
        shader.inputs["Radial Roughness"].default_value = 0.5
        shader.inputs["IOR"].default_value = 1.45
        tree.links.new(tint.outputs["Color"], shader.inputs["Color"])
        tree.links.new(shader.outputs[0], out.inputs["Surface"])
        return material

    def follow(self, weights):
        points = self.points.copy()
        for name, weight in weights.items():
            if name in self.moved:
                points += weight * self.moved[name][:, None]
        upright = np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)
        self.curves.attributes["position"].data.foreach_set("vector", upright.astype(np.float32).ravel())
        self.curves.update_tag()


def pose(weights, turns):
    """Shape keys to `weights`; joints turned by quaternions w, x, y, z about the model's axes."""
    for found in bpy.data.objects:
        keys = getattr(found.data, "shape_keys", None)
        for block in keys.key_blocks[1:] if keys is not None else ():
            block.value = weights.get(block.name, 0.0)
        for bone in found.pose.bones if found.type == "ARMATURE" else ():
            if bone.name in turns:
                axes = (bone.bone.matrix_local.to_3x3().inverted() @ UPRIGHT.to_3x3()).to_quaternion()
                bone.rotation_mode = "QUATERNION"
                bone.rotation_quaternion = axes @ Quaternion(turns[bone.name]) @ axes.inverted()


def place(camera, view):
    """`camera` (4, 4) of a view goes from the camera, looking along -Z with Y up, to the model's space."""
    camera.matrix_world = UPRIGHT @ Matrix(view["camera"])
    camera.data.sensor_fit = "VERTICAL"
    camera.data.angle = view["angle"]
    camera.data.clip_start = 0.01


def light(scene, asked):
    """Lamps as suns of their size, which stand with the camera, in a sky from below to above."""
    for old in [each for each in bpy.data.objects if each.type == "LIGHT"]:
        bpy.data.objects.remove(old)
    toward = scene.camera.matrix_world.to_3x3()
    for lamp in asked["lamps"]:
        x, y, z = lamp["direction"]
        sun = bpy.data.lights.new("Lamp", "SUN")
        sun.angle = min(2 * lamp["radius"], math.pi)
        strongest = max(lamp["color"])
        sun.color, sun.energy = [c / strongest for c in lamp["color"]], math.pi * strongest
        found = bpy.data.objects.new("Lamp", sun)
        found.rotation_mode = "QUATERNION"
        found.rotation_quaternion = (toward @ Vector((x, -y, -z))).to_track_quat("Z", "Y")
        scene.collection.objects.link(found)
    scene.world = scene.world or bpy.data.worlds.new("Sky")
    scene.world.use_nodes = True
    tree = scene.world.node_tree
    tree.nodes.clear()
    out, sky = tree.nodes.new("ShaderNodeOutputWorld"), tree.nodes.new("ShaderNodeBackground")
    where, split = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeSeparateXYZ")
    share, ramp = tree.nodes.new("ShaderNodeMapRange"), tree.nodes.new("ShaderNodeValToRGB")
    share.inputs["From Min"].default_value, share.inputs["From Max"].default_value = -1.0, 1.0
    for element, color in zip(ramp.color_ramp.elements, (asked["ground"], asked["sky"]), strict=True):
        element.color = (*color, 1.0)
    for source, target in (
        (where.outputs["Generated"], split.inputs[0]),
        (split.outputs["Z"], share.inputs["Value"]),
        (share.outputs["Result"], ramp.inputs["Fac"]),
        (ramp.outputs["Color"], sky.inputs["Color"]),
        (sky.outputs[0], out.inputs["Surface"]),
    ):
        tree.links.new(source, target)


if __name__ == "__main__":
    main(sys.argv[-1])
