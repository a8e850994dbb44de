"""A Camtrap DP package -> the photo table: place, event, time, box, species and individual of every animal."""

from pathlib import Path

import pandas as pd

from vicp.data.camtrap.animals import Animal, read_animals
from vicp.data.camtrap.package import CamtrapPackage, is_inside
from vicp.data.names import clean_name
from vicp.data.records import PhotoTable, usable_table
from vicp.data.sources.options import DEFAULTS, ReadOptions
from vicp.data.sources.tables.table import with_repeats
from vicp.errors import DataError


def read_camtrap(path: Path, options: ReadOptions = DEFAULTS) -> PhotoTable:
    """Return the animals of a package as photos: each a crop, where its observation has a box.

    Args:
        path: A folder or zip with `datapackage.json`.
        options: The category is the species to keep or, where the package names one at most, what it is called here.
            Where identities are needed, animals that have no `individualID` are left out.

    Raises:
        DataError: It is damaged, holds no animal, or photos lie elsewhere.
    """
    package = CamtrapPackage.open(path)
    animals = read_animals(package, package.table("observations"))
    if options.need_identity:
        num_unnamed = len(animals)
        animals = [animal for animal in animals if animal.individual]
        num_unnamed -= len(animals)
        if num_unnamed and not animals:
            raise DataError(f"{path}: none of its {num_unnamed} animals has an individualID")
    table = package_photos(package, animals, options)
    return table.of_category(options.category) if options.category is not None else table


def package_photos(package: CamtrapPackage, animals: list[Animal], options: ReadOptions) -> PhotoTable:
    """Return animals of a package as photos, by the name of each.

    Raises:
        DataError: There is no animal, or photos lie outside the package.
    """
    if not animals:
        raise DataError(f"{package.path}: {package.files['observations']} has no animal on a photo")
    columns = {
        "path": [animal.name for animal in animals],
        "category": [clean_name(animal.species) or "photos" for animal in animals],
        "identity": [clean_name(animal.individual) or None for animal in animals],
        "camera": [animal.deployment for animal in animals],
        "sequence": [animal.event for animal in animals],
        "date": [animal.taken for animal in animals],
    }
    frame = pd.DataFrame(columns, dtype=object)
    if options.category is not None and frame["category"].nunique() == 1:
        frame = frame.assign(category=options.category)
    reasons = [_fault(animal.photo) for animal in animals]
    root = package.path if package.path.is_dir() else None
    if root is None:
        frame["image"] = _photos_of_zip(package, animals, reasons)
    return usable_table(
        package.path,
        frame,
        with_repeats(frame["path"], reasons),
        root=root,
        skip_bad=options.skip_bad,
        need_identity=options.need_identity,
        notes=[f"read {len(animals)} animals of a Camtrap DP package: camera from deployments, sequence from events"],
    )


def _fault(photo: str) -> str:
    if "://" in photo:
        return "lies on the web: download it into the package, and write its path there as filePath"
    return "" if is_inside(photo) else "its filePath leads out of the package"


def _photos_of_zip(package: CamtrapPackage, animals: list[Animal], reasons: list[str]) -> list[bytes]:
    """Return the encoded photo of each animal; what cannot be read gets a reason."""
    by_name: dict[str, bytes] = {}
    for row, animal in enumerate(animals):
        if not reasons[row] and animal.photo not in by_name:
            try:
                by_name[animal.photo] = package.read_photo(animal.photo)
            except DataError:
                reasons[row] = "not in the zip"
    return [by_name.get(animal.photo, b"") for animal in animals]
