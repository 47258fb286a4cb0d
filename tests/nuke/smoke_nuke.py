"""For whoever has a license: runs an installed effect in a real Nuke, and says what did not hold.

    nuke -t tests/nuke/smoke_nuke.py [EFFECT] [PLATE] [FOLDER]

Without a plate it makes one from a checkerboard. EFFECT is the name of any effect (default: the first that
takes one picture and nothing else is needed). Exit status 0 means that everything held.
"""

import os
import sys
import tempfile

import nuke

from likeness_nuke import installed, menu, names

FAILED = []


def check(holds, what):
    print(("ok   " if holds else "BAD  ") + what)
    if not holds:
        FAILED.append(what)


def first_effect():
    for effect in installed.effects():
        needed = [given for given in effect["inputs"] if given["required"]]
        if len(needed) == 1 and "picture" in needed[0]["kinds"]:
            return effect["name"]
    raise SystemExit("No effect takes one picture; name one.")


def plate_node(path):
    if path:
        return nuke.nodes.Read(file=path.replace("\\", "/"), raw=True)
    board = nuke.nodes.CheckerBoard2()
    grade = nuke.nodes.Grade(multiply=3.5, black_clamp=False)
    grade.setInput(0, board)
    return grade


def main():
    words = sys.argv[1:]
    effect = installed.effect(words[0] if words else first_effect())
    plate = plate_node(words[1] if len(words) > 1 else "")
    folder = words[2] if len(words) > 2 else tempfile.mkdtemp(prefix="likeness smoke ")
    print(
        "Nuke {}, Python {}.{}, effect {}".format(
            nuke.NUKE_VERSION_STRING, *sys.version_info[:2], effect["name"]
        )
    )

    for declared in installed.effects():
        group = menu.create(declared["name"])
        check(
            group is not None and group.Class() == "Group", "the Group of {} opens".format(declared["name"])
        )
        params = [param["name"] for param in declared["params"] if param["type"] != "weights"]
        knobs = {name: group.knob(names.param(name)) for name in params}
        lacking = [name for name, knob in knobs.items() if knob is None or not knob.tooltip()]
        check(not lacking, "  its {} knobs with tooltips {}".format(len(params), " ".join(lacking)))
        pipes = [n.name() for n in group.nodes() if n.Class() == "Input"]
        check(
            sorted(pipes) == sorted(given["name"] for given in names.piped(declared)),
            "  its inputs {}".format(", ".join(pipes)),
        )
        if declared["name"] != effect["name"]:
            nuke.delete(group)

    (group,) = nuke.allNodes("Group")
    group.setInput(0, plate)
    group[names.OUTPUT].setValue(folder.replace("\\", "/"))
    group[names.FIRST].setValue(1)
    group[names.LAST].setValue(1)
    try:
        group["press_run"].execute()
    except RuntimeError as error:
        # A checkerboard has no face: that sentence is an answer too, and came all the way back.
        print(f"     {error}")
        check(str(error).strip().endswith("."), "a fault is a sentence")
    status = str(group[names.STATUS].value())
    check(bool(status) and status != "Not run yet.", f"the status line says: {status}")
    written = os.path.join(folder, "inputs", nuke.views()[0])
    check(os.path.isdir(written) and bool(os.listdir(written)), f"the plate was written to {written}")
    if status.startswith("Done"):
        for name in names.sequences(effect):
            node = group.node(names.reader(name))
            check(os.path.exists(os.path.dirname(node["file"].value())), f"{name} is read")
            x, y = group.width() // 2, group.height() // 2
            given, read = (nuke.sample(one, "rgba.red", x, y) for one in (group, node))
            check(given == read, "the Group gives what it reads")
        group["press_bake"].execute()
        check(not nuke.allNodes("Group"), "it is baked to native nodes")
    installed.close()
    print(f"{len(FAILED)} checks failed" if FAILED else "Everything held.")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
