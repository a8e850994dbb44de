"""A Camtrap DP package on disk: a folder or a zip with `datapackage.json`, three tables, and perhaps the media."""

import json
import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vicp.data.camtrap.raw_csv import RawCsv
from vicp.data.photos.files import read_photo_file
from vicp.errors import DataError
from vicp.io import atomic_write

DESCRIPTOR = "datapackage.json"
TABLES = ("deployments", "media", "observations")
_ANIMALS = re.compile(r'("individualAnimals"\s*:\s*)(true|false|null)')


@dataclass(frozen=True, eq=False)
class CamtrapPackage:
    """A package that is open to be read.

    Attributes:
        path: The folder, or the zip.
        folder: Inside a zip, the folder of `datapackage.json`, ending in "/"; "" elsewhere.
        descriptor: What `datapackage.json` says.
        files: The name of each of TABLES.
        delimiters: What stands between the cells of each.
    """

    path: Path
    folder: str
    descriptor: Mapping[str, Any]
    files: Mapping[str, str]
    delimiters: Mapping[str, str]

    @classmethod
    def open(cls, path: Path) -> "CamtrapPackage":
        """Return the package in a folder or a zip.

        Raises:
            DataError: There is none, or it is damaged.
        """
        if not path.exists():
            raise DataError(f"{path}: no such folder or file")
        if path.is_dir() and not (path / DESCRIPTOR).exists():
            raise DataError(
                f"{path}: no {DESCRIPTOR} there: give the folder of a Camtrap DP package that holds it, next to its "
                "deployments, media and observations, or the package as a .zip"
            )
        folder = "" if path.is_dir() else _folder_in_zip(path)
        data = _read(path, f"{folder}{DESCRIPTOR}")
        try:
            descriptor = json.loads(data)
            resources = {str(one["name"]): one for one in descriptor["resources"]}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path / DESCRIPTOR}: no description of a data package ({error})") from error
        if missing := [name for name in TABLES if name not in resources]:
            raise DataError(
                f"{path / DESCRIPTOR}: no table {', '.join(missing)}, expected a Camtrap DP package: "
                "deployments, media and observations"
            )
        files = {name: _inside(path, resources[name].get("path")) for name in TABLES}
        delimiters = {name: (resources[name].get("dialect") or {}).get("delimiter", ",") for name in TABLES}
        return cls(path, folder, descriptor, files, delimiters)

    def table(self, name: str) -> RawCsv:
        """Return one of TABLES.

        Raises:
            DataError: It cannot be read.
        """
        return RawCsv.parse(
            self.read(self.files[name]), name=f"{self.path}: {self.files[name]}", delimiter=self.delimiters[name]
        )

    def read(self, name: str) -> bytes:
        """Return a file of the package.

        Raises:
            DataError: It cannot be read.
        """
        return _read(self.path, f"{self.folder}{name}")

    def read_photo(self, name: str) -> bytes:
        """Return a photo of the package.

        Raises:
            DataError: It cannot be read.
        """
        return read_photo_file(self.path / name) if self.path.is_dir() else self.read(name)

    def with_individuals(self) -> bytes:
        """Return `datapackage.json` that says that individuals are told apart, and all else as it was."""
        text = self.read(DESCRIPTOR).decode("utf-8")
        wanted = json.loads(text)
        wanted.setdefault("project", {})["individualAnimals"] = True
        changed = _ANIMALS.sub(r"\g<1>true", text, count=1)
        if changed == text:
            changed = re.sub(r'("project"\s*:\s*\{)', r'\g<1>"individualAnimals": true, ', text, count=1)
        kept = json.loads(text) == wanted
        written = changed if not kept and _parses_as(changed, wanted) else json.dumps(wanted, indent=2)
        return (text if kept else written).encode()

    def save(self, changed: Mapping[str, bytes], out: Path | None) -> None:
        """Write the package with some files changed and all others byte for byte.

        Each file appears whole, in the order given, and a copy appears as a whole.

        Args:
            changed: File -> its new bytes.
            out: A new folder or zip, as the package is; None changes the package itself.

        Raises:
            DataError: It cannot be written there.
        """
        target = out or self.path
        try:
            if self.path.is_dir():
                self._save_folder(changed, out)
            else:
                self._save_zip(changed, target)
        except OSError as error:
            raise DataError(f"{target}: cannot be written ({error.strerror or error})") from error

    def _save_folder(self, changed: Mapping[str, bytes], out: Path | None) -> None:
        if out is None:
            for name, data in changed.items():
                with atomic_write(self.path / name) as part:
                    part.write_bytes(data)
            return
        copy = out.with_name(f"{out.name}.part")
        shutil.rmtree(copy, ignore_errors=True)  # left by a process that was killed
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.path, copy)
        for name, data in changed.items():
            (copy / name).write_bytes(data)
        copy.rename(out)

    def _save_zip(self, changed: Mapping[str, bytes], out: Path) -> None:
        by_member = {f"{self.folder}{name}": data for name, data in changed.items()}
        with zipfile.ZipFile(self.path) as old, atomic_write(out) as part, zipfile.ZipFile(part, "w") as new:
            new.comment = old.comment
            for member in old.infolist():
                data = by_member.get(member.filename)
                new.writestr(member, old.read(member) if data is None else data)


def is_package(path: Path) -> bool:
    """Return whether a folder or zip is a data package with the tables of Camtrap DP."""
    try:
        return bool(CamtrapPackage.open(path))
    except DataError:
        return False


def _parses_as(text: str, wanted: Any) -> bool:
    try:
        return bool(json.loads(text) == wanted)
    except ValueError:
        return False


def _folder_in_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if PurePosixPath(name).name == DESCRIPTOR]
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: no folder and no zip of a Camtrap DP package ({error})") from error
    if not names:
        raise DataError(f"{path}: no {DESCRIPTOR} in it: give the .zip of a Camtrap DP package, or its folder")
    return min(names, key=len).removesuffix(DESCRIPTOR)


def _read(path: Path, name: str) -> bytes:
    try:
        if path.is_dir():
            return (path / name).read_bytes()
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    except KeyError as error:
        raise DataError(f"{path}: no such file in it: {name}") from error
    except (OSError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{path / name}: cannot be read ({reason})") from error


def _inside(path: Path, name: Any) -> str:
    """Return the name of a file of the package, which never lies outside it."""
    name = name[0] if isinstance(name, list) and len(name) == 1 else name
    if not isinstance(name, str) or not is_inside(name):
        raise DataError(f"{path / DESCRIPTOR}: the path {name!r} of a table is not that of a file in the package")
    return name


def is_inside(name: str) -> bool:
    """Return whether a path is relative and stays in the package."""
    parts = PurePosixPath(name).parts
    return bool(parts) and "://" not in name and not name.startswith("/") and ".." not in parts
