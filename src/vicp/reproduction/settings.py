"""What a reproduction is asked for, and the trainings that its rows take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from vicp.config import RunConfig
from vicp.config_files import load_config
from vicp.data.records import PhotoTable, nearest
from vicp.data.sources.datasets.petface import is_petface
from vicp.data.sources.datasets.shopid10k import is_shopid10k
from vicp.errors import ConfigError, DataError
from vicp.reproduction.rows import PaperDataset, TableRow

CONFIGS = Path(__file__).parent / "configs"
CLIP = "openai/clip-vit-base-patch16"  # the paper does not print which


@dataclass(frozen=True)
class Reproduction:
    """What is asked for.

    Attributes:
        dataset: Whose table is made.
        data: Its folder, as its authors lay it out.
        out: Folder of the trainings, the evaluations and the table.
        rows: Of the table.
        overrides: Settings of every training, `key.sub=value`.
        unseen: Categories kept from training; empty takes the data set's.
        clip: Hub name or folder of the frozen CLIP.
        num_pairs: K of a support.
        num_draws: Supports per category.
        processes: That share a training.
        seed: Of every draw.
    """

    dataset: PaperDataset
    data: Path
    out: Path
    rows: tuple[TableRow, ...]
    overrides: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    clip: str = CLIP
    num_pairs: int = 64
    num_draws: int = 5
    processes: int = 1
    seed: int = 0

    @property
    def backbone(self) -> str:
        """The hub name or folder of the backbone that all rows but CLIP start from; "" where it has none."""
        return self._vicp.model.backbone.source or ""

    @property
    def llm(self) -> str:
        """The hub name or folder of VICP's LLM; "" where it has none."""
        return self._vicp.model.reasoner.source or ""

    @property
    def _vicp(self) -> RunConfig:
        return _load("vicp.yaml", self.overrides)

    def settings(self) -> Mapping[str, object]:
        """Return what a finished row depends on."""
        return {
            "dataset": self.dataset.name,
            "data": str(self.data.resolve()),
            "overrides": list(self.overrides),
            "unseen": list(self.unseen),
            "clip": self.clip,
            "pairs": self.num_pairs,
            "draws": self.num_draws,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class TrainingRun:
    """A training that rows need.

    Attributes:
        config: Its settings.
        title: For people.
        category: That it is for alone; "" for one of the seen categories.
        seen: Categories that it is trained on.
    """

    config: RunConfig
    title: str
    category: str = ""
    seen: tuple[str, ...] = field(default=())

    @property
    def is_finished(self) -> bool:
        """Whether its last checkpoint is there."""
        return (Path(self.config.out) / "last").is_dir()


def check_layout(reproduction: Reproduction) -> None:
    """Check that the folder is the data set.

    Raises:
        DataError: It is not.
    """
    data, name = reproduction.data, reproduction.dataset.name
    if not (is_shopid10k(data) if name == "shopid10k" else is_petface(data)):
        raise DataError(
            f"{data}: not the folder of {name}, expected images/<category>/<identity>/<photo> and "
            "split/<category>/train.csv in it: get the data set from its authors, and give its folder to --data"
        )


def categories_by_role(reproduction: Reproduction, table: PhotoTable) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the categories that are trained on and those that are not; with folds each is tested, unseen.

    Raises:
        ConfigError: A category that is not there, or none is left on either side.
    """
    there = table.categories
    if reproduction.dataset.folds:
        return there, there
    for name in reproduction.unseen:
        if name not in there:
            raise ConfigError(f"--unseen: no category '{name}'{nearest(name, there)}")
    unseen = tuple(name for name in there if name in (reproduction.unseen or reproduction.dataset.unseen))
    seen = tuple(name for name in there if name not in unseen)
    if not unseen or not seen:
        raise ConfigError(
            f"of the categories {', '.join(there)} {'none' if not unseen else 'all'} would be kept from training: name "
            "those to keep with --unseen"
        )
    return seen, unseen


def training_runs(reproduction: Reproduction, row: TableRow, table: PhotoTable) -> list[TrainingRun]:
    """Return the trainings of a row: one, one per fold, or one per category that is tested; none of a frozen row.

    Raises:
        ConfigError: An override that does not fit.
    """
    seen, unseen = categories_by_role(reproduction, table)
    if not row.recipe:
        return []
    if row.kind == "supervised":
        return [
            _training(reproduction, row, name, [f"data.categories=[{name}]"], category=name, seen=(name,))
            for name in unseen
        ]
    if not reproduction.dataset.folds:
        own = [f"data.categories=[{','.join(seen)}]", "data.validate_on=identities"]
        return [_training(reproduction, row, "", own, seen=seen)]
    fold_of = dict(zip(table.frame["category"], table.frame["fold"], strict=True))
    return [
        _training(
            reproduction,
            row,
            f"fold-{fold}",
            [f"data.fold={fold}"],
            seen=tuple(name for name in seen if fold_of[name] not in ("", str(fold))),
        )
        for fold in reproduction.dataset.folds
        if str(fold) in fold_of.values()
    ]


def method_name(reproduction: Reproduction, row: TableRow) -> str:
    """Return what `vicp evaluate` calls the method of a row."""
    match row.kind:
        case "clip":
            return f"frozen:{reproduction.clip}"
        case "frozen":
            return f"frozen:{reproduction.backbone}"
        case "supervised":
            return str(reproduction.out / "runs" / row.run_name / "{category}" / "best")
        case "trained":
            folder = reproduction.out / "runs" / row.run_name
            return str((folder / "fold-{fold}" if reproduction.dataset.folds else folder) / "best")


def _training(
    reproduction: Reproduction, row: TableRow, part: str, own: list[str], *, category: str = "", seen: tuple[str, ...]
) -> TrainingRun:
    folder = reproduction.out / "runs" / row.run_name / part
    fixed = [f"data.photos='{reproduction.data}'", f"out='{folder}'", f"seed={reproduction.seed}"]
    config = _load(row.recipe, (*row.overrides, *own, *reproduction.overrides, *fixed))
    title = f"{row.trained_as or row.name}{f', {part}' if part else ''}"
    return TrainingRun(config, title, category, seen)


@cache
def _load(recipe: str, overrides: tuple[str, ...]) -> RunConfig:
    """Return the settings of a recipe; reading them takes a tenth of a second, and they are asked for often."""
    return load_config(RunConfig, CONFIGS / recipe, overrides)
