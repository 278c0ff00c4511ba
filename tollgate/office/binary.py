"""An Asterisk that can be run: how to call it and where its own files are."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ari_app.version import AsteriskVersion
from tollgate.office.debian_root import loader_of
from tollgate.office.errors import OfficeError
from tollgate.office.version import parse_version

_VERSION_TIMEOUT_S = 20.0
_DOCUMENTATION = Path("documentation", "core-en_US.xml")


@dataclass(frozen=True, slots=True)
class AsteriskBinary:
    """A usable Asterisk: its command and the read-only folders that belong to it."""

    argv_prefix: tuple[str, ...]
    """The command before any option: the program, or the loader of a private root and the program."""
    version: AsteriskVersion
    modules_dir: Path
    data_dir: Path
    """Holds documentation/, without which modules refuse their configuration."""
    var_lib_dir: Path


def ask_version(argv_prefix: tuple[str, ...]) -> AsteriskVersion | None:
    """Run `asterisk -V`.

    Returns:
        None where it does not run, or prints no release number.
    """
    try:
        done = subprocess.run(
            [*argv_prefix, "-V"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(done.stdout) if done.returncode == 0 else None


def installed_binary(program: Path, version: AsteriskVersion) -> AsteriskBinary:
    """Describe an Asterisk installed on the system.

    Its folders are looked for below the prefix it was installed to (`/usr`, `/usr/local`, …) because the
    configuration that names them is often readable by its own user only.

    Raises:
        OfficeError: its modules or its documentation are not where installations put them.
    """
    prefix = program.resolve().parent.parent
    modules_dir = _first_with(
        "chan_pjsip.so",
        [*sorted(prefix.glob("lib*/asterisk/modules")), *sorted(prefix.glob("lib*/*/asterisk/modules"))],
    )
    data_dir = _first_with(
        _DOCUMENTATION, [prefix / "share/asterisk", Path("/var/lib/asterisk"), prefix / "var/lib/asterisk"]
    )
    if modules_dir is None or data_dir is None:
        raise OfficeError(f"{program} is installed without its PJSIP modules or its documentation folder")
    return AsteriskBinary((str(program),), version, modules_dir, data_dir, Path("/var/lib/asterisk"))


def private_binary(root: Path) -> AsteriskBinary:
    """Describe the Asterisk in a private root, run by the root's own loader: no chroot, no privileges.

    Raises:
        OfficeError: there is no loader or no Asterisk in it, it does not run, or its version cannot be read.
    """
    loader = loader_of(root)
    libraries = loader.parent
    argv_prefix = (str(loader), "--library-path", str(libraries), str(root / "usr/sbin/asterisk"))
    version = ask_version(argv_prefix)
    if version is None:
        raise OfficeError(f"the Asterisk in {root} does not run on this machine ({os.uname().machine})")
    return AsteriskBinary(
        argv_prefix,
        version,
        libraries / "asterisk/modules",
        root / "usr/share/asterisk",
        root / "var/lib/asterisk",
    )


def _first_with(name: str | Path, folders: list[Path]) -> Path | None:
    return next((folder for folder in folders if (folder / name).exists()), None)
