#!/usr/bin/env python3
"""The one door of Likeness: setup, demo, test, bench, package, train.

Standard library only. `python build.py demo` on a bare machine makes `.venv`, installs the locked
packages and brings a portrait to life; `python build.py test` runs every check.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PEERS = ROOT / ".venv-peers"
LOCKS = ROOT / "locks"
TRAIN_LOCK = """\
# No hashes, and none of CUDA's packages: torch comes in several builds (CUDA, CPU only), and each pins
# exactly what it needs.
"""
OLDEST = (3, 11)
TRAINABLE = ("body", "face_detector", "face_eyes", "face_points", "face_regions", "head")
# The faces' networks learn from pictures of people: how many are drawn, and their seed.
PICTURES = {"pictures": (20000, 1), "heldout": (500, 2)}
HEAD_DATA, BODY_DATA = "ict_facekit_light.npz", "base.obj"
# Blender as a module, for tests: one environment a version, all of them on Blender's own Python.
BLENDERS = ("bpy45", "bpy50")
BLENDER_PYTHON = (3, 11)
# Who packs what is not the core; further words are theirs.
TYPED = ("core/likeness", "core/likeness_client", "nuke_gizmos/likeness_nuke")
PACKERS = {"blender": "blender_addon/package.py", "nuke": "nuke_gizmos/package.py"}


class Stop(Exception):
    """Ends the command with one sentence for the person at the keyboard."""


def say(text):
    print("\033[1m" + text + "\033[0m" if sys.stdout.isatty() else text, flush=True)


def run(*command, env=None):
    """Run one step in the project's folder; its exit status decides."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=str(ROOT), env=env, check=False)
    if done.returncode:
        raise Stop("This step failed (exit status {}): {}".format(done.returncode, " ".join(words)))


def python_of(venv):
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def find_python(oldest, newest):
    """Return a Python between two versions, this one if it fits, else one on the PATH."""
    if oldest <= sys.version_info[:2] <= newest:
        return sys.executable
    for minor in range(newest[1], oldest[1] - 1, -1):
        found = shutil.which("python3." + str(minor))
        if found and _version_of(found) == (3, minor):
            return found
    raise Stop(f"Python 3.{oldest[1]} to 3.{newest[1]} is needed here; install one and run this again.")


def _version_of(python):
    code = "import sys; print(sys.version_info[0], sys.version_info[1])"
    done = subprocess.run(
        [python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    return tuple(int(word) for word in done.stdout.split()) if done.returncode == 0 else ()


def has_nvidia_gpu():
    """True where `nvidia-smi` answers and onnxruntime-gpu exists for this kind of machine."""
    if platform.system() not in ("Linux", "Windows") or platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    tool = shutil.which("nvidia-smi")
    if not tool:
        return False
    answer = subprocess.run([tool, "-L"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return answer.returncode == 0 and b"GPU" in answer.stdout


def make_venv(venv, python):
    """Make the environment, or make it anew where its Python no longer runs."""
    if python_of(venv).exists() and _version_of(str(python_of(venv))):
        return
    say("Making " + venv.name)
    done = subprocess.run([python, "-m", "venv", "--clear", str(venv)], check=False)
    if done.returncode:
        raise Stop("No virtual environment could be made; install Python's venv and pip (python3-venv).")


def install(venv, locks, editable):
    """Install lock files that changed since the last time, then the project itself."""
    python = python_of(venv)
    stamp_file = venv / "likeness-setup.json"
    stamp = json.loads(stamp_file.read_text()) if stamp_file.exists() else {}
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pip += [] if sys.stdout.isatty() else ["-q"]
    steps = [(name, LOCKS / (name + ".txt"), ["-r", LOCKS / (name + ".txt")]) for name in locks]
    if editable:
        steps.append(("likeness", ROOT / "pyproject.toml", ["--no-deps", "--no-build-isolation", "-e", ROOT]))
    for done, (name, file, words) in enumerate(steps, 1):
        mark = hashlib.sha256(file.read_bytes() + bytes(ROOT)).hexdigest()
        if stamp.get(name) == mark:
            continue
        say("[{}/{}] Installing {}".format(done, len(steps), "likeness" if name == "likeness" else file.name))
        run(*pip, *words)
        stamp[name] = mark
        stamp_file.write_text(json.dumps(stamp, indent=1))


def setup(dev=False, train=False):
    """Make `.venv` ready: what runs the suite, and on request what checks or trains it."""
    make_venv(VENV, find_python(OLDEST, (3, 14)))
    locks = ["gpu" if has_nvidia_gpu() else "run"]
    locks += ["dev"] if dev else []
    locks += ["train"] if train else []
    install(VENV, locks, editable=True)


def command_setup(args, rest):
    setup(dev=True, train=args.train)
    prepare()
    say(f"Ready. Try: {likeness_command()} doctor")


def prepare():
    """Compile what has changed, on all cores; else the first run does it, one kernel after the other."""
    say("Compiling what has changed")
    subprocess.run([str(python_of(VENV)), "-m", "likeness.cli", "prepare"], cwd=str(ROOT), check=False)


def likeness_command():
    return VENV / ("Scripts/likeness.exe" if os.name == "nt" else "bin/likeness")


def setup_blenders():
    """Make the environments that have Blender; where there is none to be had, its tests skip."""
    try:
        python = find_python(BLENDER_PYTHON, BLENDER_PYTHON)
        for name in BLENDERS:
            make_venv(ROOT / (".venv-" + name), python)
            install(ROOT / (".venv-" + name), [name], editable=False)
    except Stop as stop:
        say(f"Nothing is run in Blender here. {stop}")


def command_test(args, rest):
    """Lint, format, types, then every test with coverage; all of them run, any failure fails."""
    setup(dev=True)
    prepare()
    if not args.quick:
        setup_blenders()
    python = python_of(VENV)
    ruff = [python, "-m", "ruff"]
    pytest = [python, "-m", "pytest", "--cov", "--cov-report=term", *_floor(rest or args.quick), *rest]
    pytest += ["-m", "not slow"] if args.quick else []
    steps = [
        ("lint", [*ruff, "check", "."]),
        ("format", [*ruff, "format", "--check", "."]),
        ("types", [python, "-m", "mypy", *TYPED]),
        ("tests", pytest),
    ]
    failed = []
    for name, words in steps:
        say("== " + name)
        try:
            run(*words)
        except Stop as stop:
            print(stop, flush=True)
            failed.append(name)
    if failed:
        raise Stop("Not passed: " + ", ".join(failed))


def _floor(rest):
    """The least coverage of a whole run; a part of the tests need not reach it."""
    return [] if rest else ["--cov-fail-under=90"]


def command_demo(args, rest):
    """A portrait takes a performance: EXR sequence, movie, performance and contact sheet in `demo/`."""
    setup()
    prepare()
    run(
        python_of(VENV),
        "-m",
        "bench.demo",
        *_given("--plate", args.plate),
        *_given("--driver", args.driver),
        *rest,
    )


def _given(option, value):
    return [] if value is None else [option, Path(value).expanduser().resolve()]


def command_bench(args, rest):
    """Measure capture, reanimation and the hosts; peers in an environment of their own."""
    setup()
    prepare()
    setup_blenders()
    make_venv(PEERS, find_python(OLDEST, (3, 12)))
    install(PEERS, ["peers"], editable=False)
    run(python_of(VENV), "-m", "bench", "--peer-python", python_of(PEERS), *rest)


def command_package(args, rest):
    """Write what is installed elsewhere to `dist/`: the core's wheel and source, or a host's package."""
    if args.name not in ("core", *PACKERS):
        raise Stop("There is no package '{}' yet; there are: core, {}.".format(args.name, ", ".join(PACKERS)))
    setup()
    (ROOT / "dist").mkdir(exist_ok=True)
    if args.name in PACKERS:
        run(python_of(VENV), ROOT / PACKERS[args.name], *rest)
    else:
        code = "from setuptools import build_meta as b; b.build_wheel('dist'); b.build_sdist('dist')"
        run(python_of(VENV), "-c", code)
    say("Packages are in {}".format(ROOT / "dist"))


def command_train(args, rest):
    """Build or train one house model from scratch, from the head data or, for the body, the body data."""
    kind, needed = ("body", BODY_DATA) if args.name == "body" else ("head", HEAD_DATA)
    data = Path(args.data).expanduser().resolve() if args.data else ROOT / "build" / "data" / kind
    if args.data and not (data / needed).is_file():
        raise Stop(f"{data} has no {needed}; give the folder of that data by --data.")
    setup(train=True)
    if not (data / needed).is_file():
        run(python_of(VENV), "-m", "likeness.training.sources", kind, data)
    words = ["--data", data]
    if args.name.startswith("face_"):
        words = ["--out", ROOT / "build" / "trained" / args.name]
        words += [] if "--pictures" in rest else drawn(data)
    run(python_of(VENV), "-m", "likeness.training." + args.name, *words, *rest)


def drawn(data):
    """Draw the pictures that networks learn from, or what is missing of them; the words that name them."""
    words = []
    for name, (count, seed) in PICTURES.items():
        folder = ROOT / "build" / "renders" / name
        said = ["--count", count, "--seed", seed, "--workers", os.cpu_count() or 1]
        run(python_of(VENV), "-m", "likeness.training.dataset", "--data", data, "--out", folder, *said)
        words += ["--" + name, folder]
    return words


def command_lock(args, rest):
    """Resolve pyproject.toml anew into `locks/` (uv does it, in an environment of its own)."""
    home = ROOT / ".venv-lock"
    make_venv(home, find_python(OLDEST, (3, 14)))
    run(python_of(home), "-m", "pip", "install", "-q", "--disable-pip-version-check", "uv")
    uv = [
        python_of(home),
        "-m",
        "uv",
        "pip",
        "compile",
        "--no-config",
        "--universal",
        "--python-version",
        "3.11",
    ]
    uv += ["--no-header", "--no-annotate", "-q", *rest]
    base = ["pyproject.toml", "locks/build.in", "--extra", "demo"]
    same = ["-c", "locks/run.txt", "--generate-hashes"]
    gpu = ["--extra", "gpu", "--no-emit-package", "onnxruntime"]
    run(*uv, *base, "--generate-hashes", "-o", "locks/run.txt")
    run(*uv, *base, *gpu, *same, "-o", "locks/gpu.txt")
    # An extra that a package asks for (coverage[toml]) has to be pinned as such, or pip seeks a newer.
    run(*uv, "pyproject.toml", "--extra", "dev", "--no-strip-extras", *same, "-o", "locks/dev.txt")
    run(*uv, "locks/peers.in", "--generate-hashes", "-o", "locks/peers.txt")
    run(*uv, "pyproject.toml", *same, "-o", "locks/blender.txt")
    for name in BLENDERS:
        run(*uv, f"locks/{name}.in", "--generate-hashes", "-o", f"locks/{name}.txt")
    run(*uv, "pyproject.toml", "--extra", "train", "-c", "locks/run.txt", "-o", "locks/train.txt")
    lines = (LOCKS / "train.txt").read_text().splitlines(keepends=True)
    theirs = ("nvidia-", "cuda-", "triton")
    (LOCKS / "train.txt").write_text(TRAIN_LOCK + "".join(x for x in lines if not x.startswith(theirs)))


def parser():
    top = argparse.ArgumentParser(prog="build.py", description=__doc__.splitlines()[0])
    sub = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name, function, text):
        one = sub.add_parser(name, help=text, description=text)
        one.set_defaults(function=function)
        return one

    one = add("setup", command_setup, "Make .venv with everything to run and check the suite.")
    one.add_argument("--train", action="store_true", help="also install torch, to train house models")
    one = add("demo", command_demo, "Bring a portrait to life; the results are in demo/.")
    one.add_argument("--plate", metavar="FILE", help="your own portrait or clip")
    one.add_argument("--driver", metavar="FILE", help="your own clip or Live Link Face CSV")
    one = add("test", command_test, "Lint, types and every test. More words go to pytest.")
    one.add_argument("--quick", action="store_true", help="leave out the slow tests")
    add("bench", command_bench, "Measure against peers; prints a table, writes bench.json.")
    one = add("package", command_package, "Write installable packages to dist/.")
    one.add_argument("name", nargs="?", default="core", help="what to pack: core, blender, nuke")
    one = add("train", command_train, "Train one house model. More words go to its script.")
    one.add_argument("name", choices=TRAINABLE, help="the model")
    one.add_argument(
        "--data",
        metavar="FOLDER",
        help=f"folder with {HEAD_DATA}, for the body with {BODY_DATA}; else it is fetched and checked",
    )
    add("lock", command_lock, "Resolve the dependencies anew into locks/.")
    return top


def main(argv):
    args, rest = parser().parse_known_args(argv)
    if rest and (args.command == "setup" or getattr(args, "name", "") == "core"):
        parser().error("unrecognized words: " + " ".join(rest))
    try:
        args.function(args, rest)
    except Stop as stop:
        print(f"build.py: {stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbuild.py: stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
