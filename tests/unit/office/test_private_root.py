"""Building the private root: complete or not there at all, once for all starts, and a way out when it fails."""

import json
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.office.conftest import Install
from tollgate.office.debian_root import cache_folder, root_folder
from tollgate.office.errors import OfficeError
from tollgate.office.private_root import ASTERISK, find_private_root, prepare_private_root

BUILD = """
for target; do :; done
mkdir -p "$target/usr/lib/any-linux-gnu" "$target/usr/sbin"
printf '#!/bin/sh\\necho "Asterisk {version}"\\n' > "$target/usr/lib/any-linux-gnu/ld-linux-any.so.2"
chmod +x "$target/usr/lib/any-linux-gnu/ld-linux-any.so.2"
echo built >> "$(dirname "$0")/builds"
echo 'I: extracting archives...' >&2
{then}
"""


def fake_mmdebstrap(install: Install, *, version: str = "22.10.1", then: str = "") -> Path:
    """Install an mmdebstrap whose root has a loader that claims to be Asterisk."""
    return install("mmdebstrap", BUILD.format(version=version, then=then))


def builds(program: Path) -> int:
    log = program.parent / "builds"
    return len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0


def left_in(cache: Path) -> set[str]:
    return {entry.name for entry in cache.iterdir()} - {".lock"}


def test_first_start_builds_and_the_second_reuses(install: Install, cache: Path) -> None:
    program = fake_mmdebstrap(install)
    lines: list[str] = []

    first = prepare_private_root(lines.append)
    second = prepare_private_root()

    assert first == second == find_private_root()
    assert str(first.version) == "22.10.1"
    assert builds(program) == 1
    assert left_in(cache) == {root_folder("asterisk").name}
    assert any("270 MB on disk" in line for line in lines)
    assert "  extracting archives..." in lines


def test_root_without_a_manifest_is_rebuilt(install: Install, cache: Path) -> None:
    program = fake_mmdebstrap(install)
    prepare_private_root()
    (root_folder("asterisk") / "tollgate-manifest.json").unlink()

    assert find_private_root() is None
    prepare_private_root()

    assert builds(program) == 2
    assert left_in(cache) == {root_folder("asterisk").name}


@pytest.mark.parametrize("manifest", ['{"layout": 0}', "[]", "{", ""])
@pytest.mark.usefixtures("cache")
def test_root_of_another_layout_is_not_used(install: Install, manifest: str) -> None:
    fake_mmdebstrap(install)
    prepare_private_root()
    (root_folder("asterisk") / "tollgate-manifest.json").write_text(manifest, encoding="utf-8")

    assert find_private_root() is None


@pytest.mark.usefixtures("cache")
def test_root_with_missing_files_is_not_used(install: Install) -> None:
    fake_mmdebstrap(install)
    prepare_private_root()
    shutil.rmtree(root_folder("asterisk") / "usr/lib")

    assert find_private_root() is None


@pytest.mark.usefixtures("cache")
def test_root_that_became_too_old_is_not_used(install: Install) -> None:
    fake_mmdebstrap(install)
    prepare_private_root()
    loader = root_folder("asterisk") / "usr/lib/any-linux-gnu/ld-linux-any.so.2"
    loader.write_text("#!/bin/sh\necho 'Asterisk 22.10.0'\n", encoding="utf-8")

    assert find_private_root() is None


def test_manifest_says_what_was_built(install: Install, cache: Path) -> None:
    fake_mmdebstrap(install)
    prepare_private_root()

    written = json.loads((root_folder("asterisk") / "tollgate-manifest.json").read_text(encoding="utf-8"))
    assert written == {"layout": ASTERISK.layout, "suite": "sid", "asterisk": "22.10.1"}


def test_failed_fetch_leaves_nothing_and_says_what_to_do(install: Install, cache: Path) -> None:
    fake_mmdebstrap(install, then="echo 'E: no route to the mirror' >&2; exit 25")

    with pytest.raises(OfficeError, match="no route to the mirror") as raised:
        prepare_private_root()

    assert "Check the connection to the Debian mirror and start again" in str(raised.value)
    assert left_in(cache) == set()


def test_mirror_with_an_old_release_leaves_nothing(install: Install, cache: Path) -> None:
    fake_mmdebstrap(install, version="22.4.1")

    with pytest.raises(OfficeError, match=r"offers Asterisk 22\.4\.1"):
        prepare_private_root()

    assert left_in(cache) == set()


def test_left_over_of_a_killed_build_is_removed(install: Install, cache: Path) -> None:
    (cache / ".build-killed" / "root").mkdir(parents=True)
    fake_mmdebstrap(install)

    prepare_private_root()

    assert left_in(cache) == {root_folder("asterisk").name}


@pytest.mark.usefixtures("cache")
def test_two_starts_at_once_build_once(install: Install) -> None:
    program = fake_mmdebstrap(install, then="sleep 0.3")
    starts = [threading.Thread(target=prepare_private_root) for _ in range(2)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()

    assert builds(program) == 1


@pytest.mark.usefixtures("cache")
def test_full_disk_is_said_before_anything_is_fetched(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake_mmdebstrap(install)
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: SimpleNamespace(free=10**6))

    with pytest.raises(OfficeError, match="make room"):
        prepare_private_root()

    assert builds(program) == 0


@pytest.mark.usefixtures("cache")
def test_no_mmdebstrap_and_no_root_says_what_to_install(
    install: Install, bin_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("apt-get", "exit 99")
    monkeypatch.setenv("PATH", str(bin_dir))
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(OfficeError, match="apt-get install --no-install-recommends mmdebstrap"):
        prepare_private_root()


def test_cache_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    with pytest.raises(OfficeError, match="set XDG_CACHE_HOME to a folder of yours"):
        prepare_private_root()


def test_cache_of_another_user_is_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(cache / ".lock"))

    monkeypatch.setattr("fcntl.flock", refuse)

    with pytest.raises(OfficeError, match=r"cannot write .*\.lock: it belongs to another user"):
        prepare_private_root()


@pytest.mark.parametrize("configured", ["", "relative/cache"])
def test_cache_folder_defaults_to_the_home_folder(
    configured: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", configured)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert cache_folder("asterisk") == tmp_path / ".cache/tollgate/asterisk"


@pytest.mark.parametrize(("user_id", "mode"), [(0, "--mode=root"), (1000, "--mode=chrootless")])
@pytest.mark.usefixtures("cache")
def test_build_needs_no_privileges(
    install: Install, bin_dir: Path, monkeypatch: pytest.MonkeyPatch, user_id: int, mode: str
) -> None:
    fake_mmdebstrap(install, then='echo "$1" > "$(dirname "$0")/first-argument"')
    monkeypatch.setattr("os.geteuid", lambda: user_id)

    prepare_private_root()

    assert (bin_dir / "first-argument").read_text(encoding="utf-8").strip() == mode
