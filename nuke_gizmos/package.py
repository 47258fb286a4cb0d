"""Packs the Nuke package: a folder to put on NUKE_PATH, and the same as a zip.

`python build.py package nuke` calls this on the suite's own environment. Which Python the worker runs on is
not known here: `LIKENESS_PYTHON` names it where Nuke runs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DATE = (1980, 1, 1, 0, 0, 0)


def pack(folder: Path) -> tuple[Path, Path]:
    """Write folder and zip below `folder` and return their paths; the same sources give the same bytes."""
    import likeness
    from likeness.hosts import write_nuke

    package = folder / f"likeness_nuke-{likeness.__version__}"
    write_nuke(package)
    for name in ("LICENSES/Apache-2.0.txt", "NOTICE"):
        shutil.copy(ROOT / name, package)
    zipped = package.with_name(package.name + ".zip")
    temporary = zipped.with_name(zipped.name + ".part")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(p for p in package.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(f"likeness/{path.relative_to(package).as_posix()}", DATE)
            file.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    temporary.replace(zipped)
    return package, zipped


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder it goes to")
    for path in pack(parser.parse_args().out):
        print(path)


if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(ROOT / "core")]
    main()
