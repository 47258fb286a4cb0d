"""Bakes a Group to nodes of Nuke's own, which give the same picture on any machine."""

from __future__ import annotations

from typing import Any, Mapping

import nuke

from likeness_nuke import arrive, host, installed, names, script

_CHANNELS = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
_STEP_PX = 80


def bake(group: nuke.Group) -> None:
    """Put a Read with a Merge of the isolated foreground over the plate in the Group's place.

    The layers that are mattes are copied into the stream. Where no layer is a premultiplied foreground, the
    Read alone gives the result. Raises `Problem` if there is nothing to bake yet.
    """
    results = arrive.results_of(group)
    if not results:
        raise host.Problem(f"{group.name()} has no result yet; press Run first.")
    effect = installed.effect(str(group[names.EFFECT].value()))
    plate = group.input(0) if names.piped(effect) else None
    sequence = next((result for result in results if result["kind"] == "sequence"), None)
    parent, name = group.parent(), group.name()
    users = group.dependent(nuke.INPUTS, False)
    with host.undo("Bake " + name):
        out = plate
        if sequence is not None:
            out = _nodes(group, effect, sequence, parent, plate)
        for user in users:
            for place in range(user.inputs()):
                if user.input(place) == group:
                    user.setInput(place, out)
        nuke.delete(group)


def _nodes(
    group: nuke.Group,
    effect: Mapping[str, Any],
    sequence: Mapping[str, Any],
    parent: nuke.Group,
    plate: nuke.Node | None,
) -> nuke.Node | None:
    """Paste the nodes, connect them to the plate, and return the one that gives the result."""
    base, x, y = group.name() + "_baked", group.xpos(), group.ypos()
    taken = ("file", "first", "last", "origfirst", "origlast", "origset")
    values = {name: _value(group, sequence, name) for name in taken}
    front = foreground(effect) if plate is not None else None
    text = _layers(effect) + arrive.read_script(base + "_read", values, x - 2 * _STEP_PX, y)
    if front is not None:
        text += _merge(base, front, mattes(effect), x, y)
    with parent:
        arrive.paste(text)
    if front is None:
        return parent.node(base + "_read")
    merge = parent.node(base + "_merge")
    assert merge is not None
    merge.setInput(0, plate)
    return parent.node(base + "_copy") or merge


def _value(group: nuke.Group, sequence: Mapping[str, Any], name: str) -> Any:
    node = group.node(names.reader(sequence["name"]))
    assert node is not None
    knob = node[name]
    return knob.value() if name != "file" else str(knob.getValue())


def foreground(effect: Mapping[str, Any]) -> str | None:
    """The layer that is an isolated, premultiplied foreground: the first with color and alpha."""
    layers = effect["layers"]
    return next((x["name"] for x in layers[1:] if list(x["channels"]) == ["R", "G", "B", "A"]), None)


def mattes(effect: Mapping[str, Any]) -> list[str]:
    """The layers that are nothing but an alpha; a Copy takes four channels."""
    return [layer["name"] for layer in effect["layers"][1:] if list(layer["channels"]) == ["A"]][:4]


def _layers(effect: Mapping[str, Any]) -> str:
    """The layers of the sequence, known to the script before its nodes name them."""
    lines = []
    for layer in effect["layers"][1:]:
        channels = ["{}.{}".format(layer["name"], _CHANNELS.get(c, c)) for c in layer["channels"]]
        lines.append("add_layer {{{} {}}}\n".format(layer["name"], " ".join(channels)))
    return "".join(lines)


def _merge(base: str, front: str, alphas: list[str], x: int, y: int) -> str:
    """The foreground over the plate, which is connected later, without a change of the plate's alpha."""
    places = [f"xpos {x}", f"ypos {y}"]
    isolated: dict[str, str] = {"in": front, "name": base + "_shuffle"}
    text = "set likeness_read [stack 0]\n"
    text += script.node("Shuffle", [f"{k} {v}" for k, v in isolated.items()])
    text += "push 0\n"
    color = "output {rgba.red rgba.green rgba.blue -rgba.alpha}"
    text += script.node("Merge2", ["inputs 2", color, "name " + base + "_merge", *places])
    if alphas:
        # What is pushed last is the stream, what was pushed before gives the channels.
        lines = ["inputs 2"]
        for place, layer in enumerate(alphas):
            channel = f"{layer}.alpha"
            lines += [f"from{place} {channel}", f"to{place} {channel}"]
        text += "set likeness_merge [stack 0]\npush $likeness_read\npush $likeness_merge\n"
        text += script.node("Copy", [*lines, "name " + base + "_copy"])
    return text
