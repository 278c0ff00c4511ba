"""Private roots: Debian's packages, unpacked into the user's cache folder, for machines that lack a program.

Nothing is installed on the system and nothing in the folder is set up as Debian would: the packages are only unpacked,
and a program is run with the folder's own loader and libraries. mmdebstrap fetches the packages and checks their
signatures.

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tollgate.office.commands import apt_install, run_reported
from tollgate.office.errors import OfficeError
from tollgate.office.progress import Progress

T = TypeVar("T")

_SUITE = "sid"
_MANIFEST = "tollgate-manifest.json"
_BUILD_PREFIX = ".build-"
_BUILD_TIMEOUT_S = 1800.0
_APT_OPTIONS = (
    # A frozen mirror's index has passed its date; its signature is checked all the same.
    'Acquire::Check-Valid-Until "false"',
    'APT::Install-Recommends "false"',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(Generic[T]):
    """What is to be in a root, and how the program in it is described."""

    key: str
    """Names the folder of its roots, and its version in the manifest."""
    name: str
    packages: tuple[str, ...]
    layout: int
    """Raised when a root built by an older Tollgate can no longer be used."""
    needed_bytes: int
    """While it is built."""
    cost: str
    """What the first start takes, in words."""
    otherwise: str
    """What to do where it cannot be prepared: "install …"."""
    describe: Callable[[Path], T]
    """Return the program of a root; it raises OfficeError where there is none that can be used."""
    version_of: Callable[[T], str]
    finish: Callable[[Path], None] = lambda _root: None
    """Add what the packages lack to a root that was just unpacked; it stays right where the root is renamed."""


def cache_folder(key: str) -> Path:
    """Name the folder of private roots: `$XDG_CACHE_HOME/tollgate/KEY`, by default below `~/.cache`."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # A relative value is to be ignored (XDG Base Directory Specification 0.8).
    base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    return base / "tollgate" / key


def root_folder(key: str) -> Path:
    """Name the private root for this machine; a home folder may be shared by machines of several kinds."""
    return cache_folder(key) / f"{_SUITE}-{platform.machine()}"


def find_root(recipe: Recipe[T]) -> T | None:
    """Return the prepared program, or None where it is missing, incomplete, outdated or does not run."""
    root = root_folder(recipe.key)
    if not _manifest_is_current(root, recipe.layout):
        return None
    try:
        return recipe.describe(root)
    except OfficeError:
        return None


def prepare_root(recipe: Recipe[T], progress: Progress) -> T:
    """Return the private program, its root built first where there is none.

    Raises:
        OfficeError: something it needs is missing (the message says what to install), the disk is too full,
            or the packages could not be fetched. Nothing is left behind.
    """
    root = root_folder(recipe.key)
    _make_cache(root.parent)
    try:
        with _build_lock(root.parent / ".lock", recipe.name, progress):
            return find_root(recipe) or _build(root, recipe, progress)
    except PermissionError as error:
        raise OfficeError(
            f"cannot write {error.filename}: it belongs to another user; remove it, or set XDG_CACHE_HOME"
        ) from error


def loader_of(root: Path) -> Path:
    """Return the loader of a root, which lies beside the root's libraries.

    Raises:
        OfficeError: there is none.
    """
    loaders = sorted(root.glob("usr/lib/*/ld-linux-*.so.*"))
    if not loaders:
        raise OfficeError(f"{root} holds no system library folder")
    return loaders[0]


def _make_cache(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OfficeError(
            f"cannot create {folder}: {error.strerror}; set XDG_CACHE_HOME to a folder of yours"
        ) from error


@contextmanager
def _build_lock(path: Path, name: str, progress: Progress) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"another start is preparing the private {name}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(root: Path, recipe: Recipe[T], progress: Progress) -> T:
    """Build under the lock: unpack beside the final place, try it, rename it."""
    for left_over in root.parent.glob(f"{_BUILD_PREFIX}*"):
        shutil.rmtree(left_over)
    _check_space(root.parent, recipe)
    if shutil.which("mmdebstrap") is None:
        _install_mmdebstrap(recipe, progress)
    progress(f"preparing a private {recipe.name} in {root}: once, {recipe.cost}")
    work = Path(tempfile.mkdtemp(prefix=_BUILD_PREFIX, dir=root.parent))
    try:
        built = work / "root"
        _unpack(built, recipe, progress)
        recipe.finish(built)
        version = recipe.version_of(recipe.describe(built))
        _write_manifest(built, recipe, version)
        if root.exists():
            root.rename(work / "outdated")
        built.rename(root)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress(f"the private {recipe.name} {version} is ready")
    return recipe.describe(root)


def _install_mmdebstrap(recipe: Recipe[T], progress: Progress) -> None:
    purpose = f"to prepare a private {recipe.name}"
    try:
        apt_install(("mmdebstrap", "debian-archive-keyring"), progress, purpose=purpose)
    except OfficeError as error:
        raise OfficeError(f"{error}\nOr {recipe.otherwise}.") from error


def _check_space(folder: Path, recipe: Recipe[T]) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < recipe.needed_bytes:
        raise OfficeError(
            f"{folder} has {free_bytes // 1_000_000} MB free and the private {recipe.name} needs "
            f"{recipe.needed_bytes // 1_000_000} MB while it is built: make room, or point XDG_CACHE_HOME elsewhere"
        )


def _unpack(target: Path, recipe: Recipe[T], progress: Progress) -> None:
    def on_line(line: str) -> None:
        if line.startswith("I: "):
            progress(f"  {line.removeprefix('I: ')}")

    argv = _mmdebstrap_argv(target, recipe.packages, is_root=os.geteuid() == 0)
    try:
        run_reported(argv, on_line=on_line, timeout_s=_BUILD_TIMEOUT_S)
    except OfficeError as error:
        raise OfficeError(
            f"the private {recipe.name} could not be fetched from Debian. {error}\n"
            f"Check the connection to the Debian mirror and start again, or {recipe.otherwise}."
        ) from error


def _mmdebstrap_argv(target: Path, packages: tuple[str, ...], *, is_root: bool) -> tuple[str, ...]:
    """Write the command that only unpacks: no package's script runs, so a user needs no chroot."""
    return (
        "mmdebstrap",
        f"--mode={'root' if is_root else 'chrootless'}",
        "--variant=extract",
        f"--include={','.join(packages)}",
        *(f"--aptopt={option}" for option in _APT_OPTIONS),
        _SUITE,
        str(target),
    )


def _write_manifest(root: Path, recipe: Recipe[T], version: str) -> None:
    manifest = {"layout": recipe.layout, "suite": _SUITE, recipe.key: version}
    (root / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _manifest_is_current(root: Path, layout: int) -> bool:
    try:
        manifest = json.loads((root / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("layout") == layout
