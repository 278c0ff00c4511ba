"""The browser in which the portal is tested: Chromium, the machine's own or a private one.

The private one is Debian's headless Chromium, run with its own loader and libraries
(:mod:`tollgate.office.debian_root`). Chromium starts further processes of itself and looks for its data beside itself;
as it sees it, "itself" is the loader. So a copy of the loader lies beside Chromium's data, and a script that calls it
is what Chromium is told to start its processes by.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tollgate.office.debian_root import Recipe, find_root, loader_of, prepare_root
from tollgate.office.errors import OfficeError
from tollgate.office.progress import Progress, silent

_INSTALLED: Final = ("chromium", "chromium-headless-shell", "google-chrome", "google-chrome-stable")
_FOLDER: Final = Path("usr/lib/chromium")
_SCRIPT: Final = "tollgate-chromium"
_LOADER: Final = "tollgate-loader"
_VERSION: Final = re.compile(r"\d+(\.\d+)+")
_VERSION_TIMEOUT_S: Final = 30.0
_RUN: Final = """\
#!/bin/sh
# Chromium with the loader, the libraries and the fonts of this folder.
here=$(cd "$(dirname "$0")" && pwd)
root=${{here%/{folder}}}
libraries=$root/{libraries}
export FONTCONFIG_SYSROOT="$root"
exec "$here/{loader}" --library-path "$libraries:$libraries/pulseaudio:$here" "$here/chromium-headless-shell" "$@"
"""


@dataclass(frozen=True, slots=True)
class Browser:
    """A Chromium that can be run without a screen."""

    program: Path
    arguments: tuple[str, ...]
    """What it has to be called with here."""
    version: str


def find_browser() -> Browser | None:
    """Return the machine's own Chromium, else the private one; None where there is neither."""
    return _find_installed() or find_root(CHROMIUM)


def prepare_browser(progress: Progress = silent) -> Browser:
    """Return a Chromium, a private one where the machine has none.

    Raises:
        OfficeError: as :func:`tollgate.office.debian_root.prepare_root`.
    """
    return find_browser() or prepare_root(CHROMIUM, progress)


def _find_installed() -> Browser | None:
    for name in _INSTALLED:
        found = shutil.which(name)
        version = None if found is None else _ask_version(Path(found))
        if found is not None and version is not None:
            return Browser(Path(found), _arguments(), version)
    return None


def _private_browser(root: Path) -> Browser:
    program = root / _FOLDER / _SCRIPT
    version = _ask_version(program)
    if version is None:
        raise OfficeError(f"the Chromium in {root} does not run on this machine ({os.uname().machine})")
    # The zygote forks processes without starting a program anew: from the loader it would not find its way.
    return Browser(program, (*_arguments(), "--no-zygote", f"--browser-subprocess-path={program}"), version)


def _add_script(root: Path) -> None:
    loader, folder = loader_of(root), root / _FOLDER
    if not folder.is_dir():
        raise OfficeError(f"{root} holds no Chromium")
    shutil.copy(loader, folder / _LOADER)
    script = folder / _SCRIPT
    libraries = loader.parent.relative_to(root)
    script.write_text(_RUN.format(folder=_FOLDER, libraries=libraries, loader=_LOADER), encoding="utf-8")
    script.chmod(0o755)


def _arguments() -> tuple[str, ...]:
    """Return what a machine without a screen needs, and whoever is root."""
    return ("--disable-gpu", *(("--no-sandbox",) if os.geteuid() == 0 else ()))


def _ask_version(program: Path) -> str | None:
    """Run ``chromium --version``; None where it does not run."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(done.stdout)
    return found[0] if found is not None and done.returncode == 0 else None


CHROMIUM: Final = Recipe(
    key="chromium",
    name="Chromium",
    packages=("chromium-headless-shell", "fonts-dejavu-core"),
    layout=1,
    needed_bytes=1_200_000_000,
    cost="about a minute, 150 MB to fetch, 600 MB on disk",
    otherwise="install the package chromium",
    describe=_private_browser,
    version_of=lambda browser: browser.version,
    finish=_add_script,
)
