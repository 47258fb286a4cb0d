#!/usr/bin/env bash
# Runs the extension in the real Blender with its window, on a display of its own, and saves screenshots.
#
#   tests/blender/gui.sh [FOLDER FOR THE SCREENSHOTS]     (build/gui/shots; needs root and debootstrap)
#
# Debian's Blender and a software OpenGL go into a folder once (about two minutes and 1.8 GB); set
# LIKENESS_GUI_ROOT to put it elsewhere. What happens in Blender is in gui.py. LIKENESS_GUI_ZIP names a zip
# that is packed already. Nightly and by hand; the tests of CI use Blender as a module.
set -euo pipefail
cd "$(dirname "$0")/../.."
REPO=$PWD
ROOT=${LIKENESS_GUI_ROOT:-$HOME/.cache/likeness/gui/root}
WORK=$REPO/build/gui
SHOTS=$(realpath -m "${1:-$WORK/shots}")
PACKAGES="blender xvfb xauth libgl1-mesa-dri libegl1 x11-apps xdotool imagemagick"

if [ ! -x "$ROOT/usr/bin/blender" ]; then
    mkdir -p "$ROOT"
    debootstrap --variant=minbase trixie "$ROOT"
    # shellcheck disable=SC2086
    chroot "$ROOT" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $PACKAGES
fi
# Debian's Blender runs on Debian's Python.
PYTHON=$(chroot "$ROOT" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ZIP=${LIKENESS_GUI_ZIP:-}
if [ -z "$ZIP" ]; then
    .venv/bin/python blender_addon/package.py --platform linux-x64 --python "$PYTHON" --out "$WORK"
    ZIP=$(ls -t "$WORK"/likeness_blender-*.zip | head -1)
fi

rm -rf "$WORK/home" "$SHOTS"
mkdir -p "$WORK/home" "$WORK/media" "$SHOTS" "$ROOT/likeness"/{home,media,shots,repo}
cp "$ZIP" "$WORK/home/likeness.zip"
.venv/bin/python tests/blender/gui_media.py "$WORK/media"

# The mounts are those of this process only and go with it.
exec unshare --mount --pid --fork bash -euo pipefail -c '
    ROOT=$1 WORK=$2 SHOTS=$3 REPO=$4
    mount -t proc proc "$ROOT/proc"
    mount -t tmpfs tmpfs "$ROOT/dev/shm"
    mount --bind "$WORK/home" "$ROOT/likeness/home"
    mount --bind "$WORK/media" "$ROOT/likeness/media"
    mount --bind "$SHOTS" "$ROOT/likeness/shots"
    mount --bind "$REPO/tests/blender" "$ROOT/likeness/repo"
    exec chroot "$ROOT" env -i PATH=/usr/bin:/bin HOME=/likeness/home LANG=C.UTF-8 LIBGL_ALWAYS_SOFTWARE=1 \
        BLENDER_USER_RESOURCES=/likeness/home/blender bash -euo pipefail -c "
            cd /likeness/home
            mkdir -p blender
            blender --background --python-exit-code 1 --python /likeness/repo/gui_install.py
            timeout 3000 xvfb-run --auto-servernum --server-args=\"-screen 0 1920x1080x24\" \
                blender --window-geometry 0 0 1920 1080 --python-exit-code 1 --python /likeness/repo/gui.py
            grep -q \"all of it\" /likeness/shots/log.txt"
' gui "$ROOT" "$WORK" "$SHOTS" "$REPO"
