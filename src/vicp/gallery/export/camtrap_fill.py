"""Fill the individuals into a Camtrap DP package: who of a gallery each animal is, and nothing where nobody can say."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from vicp.data.camtrap.animals import Animal, read_animals
from vicp.data.camtrap.package import DESCRIPTOR, CamtrapPackage
from vicp.data.camtrap.raw_csv import RawCsv, require
from vicp.data.records import PhotoTable
from vicp.data.sources.camtrap import package_photos
from vicp.data.sources.options import ReadOptions
from vicp.decisions.outcome import Identification
from vicp.errors import DataError
from vicp.gallery.categories import gallery_categories
from vicp.gallery.recognition.identify import identify_in_gallery
from vicp.gallery.search.category_search import DEFAULT_QUESTION, Question
from vicp.gallery.store.snapshot import Snapshot
from vicp.runtime.photo_encoder import PhotoEncoder

COLUMNS = (
    "individualID",
    "classificationMethod",
    "classifiedBy",
    "classificationTimestamp",
    "classificationProbability",
)


@dataclass(frozen=True)
class FillResult:
    """What became of the animals of a package.

    Attributes:
        filled: Observations that got an individual.
        promised: Of these, those whose error rate is promised.
        individuals: How many different ones.
        named: Observations that had an individual, which they keep.
        new: Observations of somebody new, which stay empty.
        unsure: Observations of which nothing can be said, which stay empty.
        skipped: Photos that cannot be used.
        out: The package that was written.
    """

    filled: int
    promised: int
    individuals: int
    named: int
    new: int
    unsure: int
    skipped: int
    out: str


@dataclass(frozen=True)
class _Name:
    """Who an observation shows, how probably, and whether that is promised."""

    identity: str
    probability: float
    promised: bool


def fill_package(
    encoder: PhotoEncoder,
    snapshot: Snapshot,
    path: Path,
    *,
    out: Path | None = None,
    species: str | None = None,
    category: str | None = None,
    question: Question = DEFAULT_QUESTION,
    promised_only: bool = False,
) -> FillResult:
    """Write who each animal of a package is; every byte of the package that this does not change stays as it was.

    Observations that have an individual keep it. The one observation of a whole event gets one where all photos of the
    event that show somebody known show the same. Two animals of one photo never get the same individual: the likelier
    has it.

    Args:
        encoder: The gallery's model.
        snapshot: The gallery.
        path: A folder or zip with `datapackage.json`.
        out: A new folder or zip to write; None changes the package itself.
        species: The scientific name to look at; None takes that of the category, or the only one of the package.
        category: The gallery's; None lets its prompts decide.
        question: How to identify.
        promised_only: Leave out individuals whose error rate is not promised.

    Raises:
        DataError: The package is damaged, has several species and none is chosen, or photos cannot be used; then
            nothing is written.
        GalleryError: No such category, nothing enrolled, or another model.
    """
    package = CamtrapPackage.open(path)
    _check_out(package, out)
    observations = package.table("observations")
    require(observations, COLUMNS, name=f"{path}: {package.files['observations']}")
    animals = _of_species(package, read_animals(package, observations), species, snapshot, category)
    open_animals = [animal for animal in animals if not animal.individual and len(animal.rows) == 1]
    answers: dict[str, Identification] = {}
    skipped = 0
    if open_animals:
        photos = _each_once(package, open_animals, skip_bad=encoder.skip_bad)
        report = identify_in_gallery(encoder, snapshot, [photos], category=category, question=question)
        answers = {one.photo: one for one in report.identifications}
        skipped = report.skipped + len(photos.skipped)
    names = _names(observations, animals, answers, promised_only=promised_only)
    _write(package, observations, names, encoder.fingerprint, out)
    return _result(observations, open_animals, answers, names, skipped=skipped, out=out or path)


def _check_out(package: CamtrapPackage, out: Path | None) -> None:
    if out is None:
        return
    if out.exists():
        raise DataError(f"{out}: is there already: give the name of a new {'folder' if out.is_dir() else 'file'}")
    if package.path.is_dir() and package.path.resolve() in out.resolve().parents:
        raise DataError(f"{out}: lies in the package itself: give another place")
    if package.path.is_dir() == (out.suffix.lower() == ".zip"):
        kind = "folder" if package.path.is_dir() else "name that ends in .zip"
        raise DataError(f"{out}: the package is a {package.path.suffix or 'folder'}, give a {kind}")


def _of_species(
    package: CamtrapPackage, animals: list[Animal], species: str | None, snapshot: Snapshot, category: str | None
) -> list[Animal]:
    """Return the animals of one species: only those can be somebody of the gallery."""
    found = Counter(animal.species for animal in animals)
    categories = [category] if category is not None else list(gallery_categories(snapshot))
    fitting = [name for name in found if name.casefold() in {one.casefold() for one in categories}]
    if species is not None:
        fitting = [name for name in found if name.casefold() == species.casefold()]
        if not fitting:
            raise DataError(f"{package.path}: no animal is a {species}; there are {_listed(found)}")
    elif not fitting and len(found) > 1:
        raise DataError(
            f"{package.path}: animals of several species ({_listed(found)}): say which the gallery knows, as in "
            f"--species '{found.most_common(1)[0][0]}'"
        )
    return [animal for animal in animals if animal.species in fitting] if fitting else animals


def _listed(found: Counter[str]) -> str:
    return ", ".join(f"{count} x {name or 'without a name'}" for name, count in found.most_common(5))


def _each_once(package: CamtrapPackage, animals: Sequence[Animal], *, skip_bad: bool) -> PhotoTable:
    """Return the photos to look at, named as their animals are."""
    by_name = {animal.name: animal for animal in animals}
    return package_photos(package, list(by_name.values()), ReadOptions(need_identity=False, skip_bad=skip_bad))


def _names(
    observations: RawCsv,
    animals: Sequence[Animal],
    answers: Mapping[str, Identification],
    *,
    promised_only: bool,
) -> dict[int, _Name]:
    """Return observation -> whom it shows, where that can be said."""
    taken = {(animal.photo, animal.individual) for animal in animals if animal.individual}
    by_event: dict[int, list[_Name]] = defaultdict(list)
    names: dict[int, _Name] = {}
    answered = [(animal, answers[animal.name]) for animal in animals if animal.name in answers]
    for animal, answer in sorted(answered, key=lambda one: -(one[1].probability or 0)):
        if answer.verdict != "same" or not (answer.promised or not promised_only):
            continue
        name = _Name(answer.candidates[0].identity, float(answer.probability or 0), answer.promised)
        if not animal.of_medium:
            by_event[animal.rows[0]].append(name)
        elif (animal.photo, name.identity) not in taken:
            taken.add((animal.photo, name.identity))
            names[animal.rows[0]] = name
    for row, said in by_event.items():
        if len({name.identity for name in said}) == 1:
            mean = sum(name.probability for name in said) / len(said)
            names[row] = _Name(said[0].identity, mean, all(name.promised for name in said))
    return names


def _write(
    package: CamtrapPackage, observations: RawCsv, names: Mapping[int, _Name], fingerprint: str, out: Path | None
) -> None:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    by = f"VICP {version('vicp')} {fingerprint}"
    for row, name in names.items():
        values = (name.identity, "machine", by, at, f"{name.probability:.4f}")
        for column, value in zip(COLUMNS, values, strict=True):
            observations.set(row, column, value)
    changed: dict[str, bytes] = {}
    if names:
        changed[package.files["observations"]] = observations.to_bytes(package.delimiters["observations"])
    if any(observations.values("individualID")):
        changed[DESCRIPTOR] = package.with_individuals()
    if changed or out is not None:
        package.save(changed, out)


def _result(
    observations: RawCsv,
    open_animals: Sequence[Animal],
    answers: Mapping[str, Identification],
    names: Mapping[int, _Name],
    *,
    skipped: int,
    out: Path,
) -> FillResult:
    verdicts = {one.rows[0]: answers[one.name].verdict for one in open_animals if one.name in answers}
    new = sum(verdict == "new" for row, verdict in verdicts.items() if row not in names)
    return FillResult(
        filled=len(names),
        promised=sum(name.promised for name in names.values()),
        individuals=len({name.identity for name in names.values()}),
        named=sum(map(bool, observations.values("individualID"))) - len(names),
        new=new,
        unsure=len(verdicts) - new - len(names),
        skipped=skipped,
        out=str(out),
    )
