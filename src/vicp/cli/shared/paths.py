"""Paths that a command is given: wrong ones are noticed before a model is opened."""

import os
from pathlib import Path

from vicp.errors import ConfigError, DataError


def check_file(path: Path | None, what: str) -> None:
    """Check that a file to read is there.

    Raises:
        DataError: It is not, or is a folder.
    """
    if path is not None and not path.is_file():
        raise DataError(f"{path}: {'a folder, not a file' if path.is_dir() else 'no such file'} of {what}")


def check_out_file(path: Path | None, *suffixes: str, option: str = "--out") -> None:
    """Check that a file can be written, before the work that fills it.

    Args:
        path: The file; None for none.
        suffixes: One of which its name is to end in; none allows any name.
        option: Which names it.

    Raises:
        ConfigError: Another ending, a folder, or a place where nothing can be written.
    """
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise ConfigError(f"{option} {path}: expected a name that ends in {' or '.join(suffixes)}")
    if path.is_dir():
        raise ConfigError(f"{option} {path}: is a folder, expected the name of a file")
    _check_writable(path.parent, f"{option} {path}")


def check_out_folder(path: Path, *, option: str = "--out") -> None:
    """Check that files can be written into a folder, which may be made.

    Raises:
        ConfigError: It is a file, or nothing can be written there.
    """
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{option} {path}: is a file, expected the name of a folder")
    _check_writable(path, f"{option} {path}")


def _check_writable(folder: Path, said: str) -> None:
    """Check that a folder is there or can be made, and written into."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise ConfigError(f"{said}: {there} is a file, expected a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"{said}: nothing can be written into {there}: choose another place")
