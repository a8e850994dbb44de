"""The files of a gallery, on a disk or in object storage: their size, and those of versions that nothing needs."""

from collections.abc import Collection
from pathlib import Path

from pyarrow import fs

_LAST_VERSION = 2**64 - 1  # LanceDB names a version's file by this less its number


class GalleryFiles:
    """The files of a gallery.

    Args:
        uri: Its folder, or its place in object storage.

    Raises:
        ValueError: A place whose files this program cannot list.
    """

    def __init__(self, uri: str) -> None:
        if "://" in uri:
            self._system, self._root = fs.FileSystem.from_uri(uri)
        else:
            self._system, self._root = fs.LocalFileSystem(), Path(uri).resolve().as_posix()

    def count_and_bytes(self) -> tuple[int, int]:
        """Return how many files there are, and their size."""
        found = self._files(self._root)
        return len(found), sum(file.size for file in found)

    def remove_versions(self, table: str, kept: Collection[int]) -> None:
        """Remove all versions of a table but these; the data that they alone hold stays, for LanceDB to remove."""
        for file in self._files(self._folder(table, "_versions")):
            number = str(file.base_name).removesuffix(".manifest")
            if number.isdigit() and _LAST_VERSION - int(number) not in kept:
                self._system.delete_file(file.path)
        named = self._version_files(table)
        for file in self._files(self._folder(table, "_transactions")):
            if file.base_name.encode() not in named:
                self._system.delete_file(file.path)

    def unused_share(self, table: str) -> float:
        """Return the share of a table's data, by size, that no version names."""
        named = self._version_files(table)
        data = self._files(self._folder(table, "data"))
        unused = sum(file.size for file in data if file.base_name.encode() not in named)
        return float(unused / max(sum(file.size for file in data), 1))

    def _version_files(self, table: str) -> bytes:
        """Return what the files of all versions of a table say, which is full of the names of files."""
        files = self._files(self._folder(table, "_versions"))
        return b"\0".join(self._system.open_input_file(file.path).read() for file in files)

    def _folder(self, table: str, part: str) -> str:
        return f"{self._root}/{table}.lance/{part}"

    def _files(self, folder: str) -> list[fs.FileInfo]:
        selector = fs.FileSelector(folder, allow_not_found=True, recursive=True)
        return [file for file in self._system.get_file_info(selector) if file.type == fs.FileType.File]
