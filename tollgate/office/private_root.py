"""A private Asterisk for machines that have none: Debian's packages, unpacked into the user's cache folder.

Nothing is installed on the system and nothing in the folder is set up as Debian would: the packages are only
unpacked (270 MB, about half a minute) and Asterisk is run with the folder's own loader and libraries.
mmdebstrap fetches the packages and checks their signatures.

A root is built beside its final place, tried, given its manifest and then renamed, so that a folder under the
final name is always complete. A lock lets one build at a time go on; a second start waits and finds the
result.
"""

import fcntl
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tollgate.office.binary import AsteriskBinary, private_binary
from tollgate.office.commands import apt_install, run_reported
from tollgate.office.errors import OfficeError
from tollgate.office.progress import Progress, silent
from tollgate.office.version import REQUIREMENT

LAYOUT = 1
"""Raised when a root built by an older Tollgate can no longer be used."""

_SUITE = "sid"
_MANIFEST = "tollgate-manifest.json"
_BUILD_PREFIX = ".build-"
_NEEDED_BYTES = 700_000_000
_BUILD_TIMEOUT_S = 1800.0
_APT_OPTIONS = (
    # A frozen mirror's index has passed its date; its signature is checked all the same.
    'Acquire::Check-Valid-Until "false"',
    'APT::Install-Recommends "false"',
)


def cache_folder() -> Path:
    """Name the folder of private roots: `$XDG_CACHE_HOME/tollgate/asterisk`, by default below `~/.cache`."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # A relative value is to be ignored (XDG Base Directory Specification 0.8).
    base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    return base / "tollgate" / "asterisk"


def root_folder() -> Path:
    """Name the private root for this machine; a home folder may be shared by machines of several kinds."""
    return cache_folder() / f"{_SUITE}-{platform.machine()}"


def find_private_root(root: Path | None = None) -> AsteriskBinary | None:
    """Return the prepared Asterisk, or None where it is missing, incomplete, outdated or does not run."""
    root = root or root_folder()
    if not _manifest_is_current(root):
        return None
    try:
        binary = private_binary(root)
    except OfficeError:
        return None
    return binary if binary.version.is_supported else None


def prepare_private_root(progress: Progress = silent) -> AsteriskBinary:
    """Return the private Asterisk, built first where there is none.

    Raises:
        OfficeError: something it needs is missing (the message says what to install), the disk is too full,
            or the
            packages could not be fetched. Nothing is left behind.
    """
    root = root_folder()
    _make_cache(root.parent)
    try:
        with _build_lock(root.parent / ".lock", progress):
            return find_private_root(root) or _build(root, progress)
    except PermissionError as error:
        raise OfficeError(
            f"cannot write {error.filename}: it belongs to another user; remove it, or set XDG_CACHE_HOME"
        ) from error


def _make_cache(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OfficeError(
            f"cannot create {folder}: {error.strerror}; set XDG_CACHE_HOME to a folder of yours"
        ) from error


@contextmanager
def _build_lock(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another start is preparing the private Asterisk: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(root: Path, progress: Progress) -> AsteriskBinary:
    """Build under the lock: unpack beside the final place, try it, rename it."""
    for left_over in root.parent.glob(f"{_BUILD_PREFIX}*"):
        shutil.rmtree(left_over)
    _check_space(root.parent)
    if shutil.which("mmdebstrap") is None:
        _install_mmdebstrap(progress)
    progress(f"preparing a private Asterisk in {root}: once, about a minute, 80 MB to fetch, 270 MB on disk")
    work = Path(tempfile.mkdtemp(prefix=_BUILD_PREFIX, dir=root.parent))
    try:
        built = work / "root"
        _unpack(built, progress)
        version = _try_out(built)
        _write_manifest(built, version)
        if root.exists():
            root.rename(work / "outdated")
        built.rename(root)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress(f"the private Asterisk {version} is ready")
    return private_binary(root)


def _install_mmdebstrap(progress: Progress) -> None:
    try:
        apt_install(("mmdebstrap", "debian-archive-keyring"), progress, purpose="to prepare a private Asterisk")
    except OfficeError as error:
        raise OfficeError(f"{error}\nOr install Asterisk itself: {REQUIREMENT}.") from error


def _check_space(folder: Path) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < _NEEDED_BYTES:
        raise OfficeError(
            f"{folder} has {free_bytes // 1_000_000} MB free and the private Asterisk needs "
            f"{_NEEDED_BYTES // 1_000_000} MB while it is built: make room, or point XDG_CACHE_HOME elsewhere"
        )


def _unpack(target: Path, progress: Progress) -> None:
    def on_line(line: str) -> None:
        if line.startswith("I: "):
            progress(f"  {line.removeprefix('I: ')}")

    try:
        run_reported(_mmdebstrap_argv(target, is_root=os.geteuid() == 0), on_line=on_line, timeout_s=_BUILD_TIMEOUT_S)
    except OfficeError as error:
        raise OfficeError(
            f"the private Asterisk could not be fetched from Debian. {error}\n"
            "Check the connection to the Debian mirror and start again, "
            f"or install Asterisk yourself ({REQUIREMENT})."
        ) from error


def _mmdebstrap_argv(target: Path, *, is_root: bool) -> tuple[str, ...]:
    """Write the command that only unpacks: no package's script runs, so a user needs no chroot."""
    return (
        "mmdebstrap",
        f"--mode={'root' if is_root else 'chrootless'}",
        "--variant=extract",
        "--include=asterisk",
        *(f"--aptopt={option}" for option in _APT_OPTIONS),
        _SUITE,
        str(target),
    )


def _try_out(built: Path) -> str:
    binary = private_binary(built)
    if not binary.version.is_supported:
        raise OfficeError(f"the Debian mirror offers Asterisk {binary.version}; needed is {REQUIREMENT}")
    return str(binary.version)


def _write_manifest(root: Path, version: str) -> None:
    manifest = {"layout": LAYOUT, "suite": _SUITE, "asterisk": version}
    (root / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _manifest_is_current(root: Path) -> bool:
    try:
        manifest = json.loads((root / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("layout") == LAYOUT
