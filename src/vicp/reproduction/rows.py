"""The rows of the paper's tables: what each is trained with, and how it uses the support of a category."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vicp.data.records import nearest
from vicp.data.sources.datasets.shopid10k import FOLDS
from vicp.errors import ConfigError

Kind = Literal["clip", "frozen", "trained", "supervised"]


@dataclass(frozen=True)
class TableRow:
    """One row of the paper's tables.

    Attributes:
        name: In the table, and in `printed.csv`.
        group: What `--rows` calls it.
        kind: A frozen CLIP; the frozen backbone that all others start from; trained on the seen categories; or trained
            on each category that is tested (Supervised).
        adaptation: How the support is used, see `vicp.evaluation.methods.ADAPTATIONS`.
        recipe: A file in `configs`; "" for a frozen row.
        overrides: Settings in addition.
        trained_as: The row whose training it shares; "" for its own.
    """

    name: str
    group: str
    kind: Kind
    adaptation: str = "null"
    recipe: str = ""
    overrides: tuple[str, ...] = ()
    trained_as: str = ""

    @property
    def run_name(self) -> str:
        """The name of its training's folder."""
        return file_name(self.trained_as or self.name)


@dataclass(frozen=True)
class PaperDataset:
    """A data set of the paper, and what its table measures.

    Attributes:
        name: On the command line.
        protocol: Of the evaluation.
        metrics: Columns of the table, keys of `vicp.evaluation.results.METRICS`.
        mean: The row of an evaluation that the table shows.
        folds: Whether each fold of categories has a training of its own.
        unseen: Categories that are kept from training, where there are no folds.
    """

    name: str
    protocol: str
    metrics: tuple[str, ...]
    mean: str
    folds: tuple[int, ...] = ()
    unseen: tuple[str, ...] = ()


DATASETS = {
    "petface": PaperDataset(
        "petface",
        protocol="petface",
        metrics=("auc", "acc", "map", "rank1"),
        mean="mean of unseen categories",
        unseen=("chimp", "ferret", "javasparrow"),  # every fourth family by name: the paper does not print its own
    ),
    "shopid10k": PaperDataset(
        "shopid10k",
        protocol="shopid10k-folds",
        metrics=("map", "rank1", "rank5"),
        mean="mean",
        folds=tuple(range(len(FOLDS))),
    ),
}

_ABLATION = "loss-ablation"

ROWS = (
    TableRow("CLIP", "CLIP", "clip"),
    TableRow("DINOv2", "DINOv2", "frozen"),
    TableRow("ArcFace", "ArcFace", "trained", recipe="baseline.yaml", overrides=("train.loss=arcface",)),
    TableRow("AdaFace", "AdaFace", "trained", recipe="baseline.yaml", overrides=("train.loss=adaface",)),
    TableRow("SCL", "SCL", "trained", recipe="baseline.yaml", overrides=("train.loss=supcon",)),
    TableRow("Triplet", "Triplet", "trained", recipe="baseline.yaml"),
    TableRow("Triplet+", "Triplet+", "trained", "finetuned", recipe="baseline.yaml", trained_as="Triplet"),
    TableRow("VICP", "VICP", "trained", "generated", recipe="vicp.yaml"),
    TableRow(
        "VICP, a prompt per layer",
        "VICP",
        "trained",
        "generated",
        recipe="vicp.yaml",
        overrides=("model.prompts_per_layer=true",),
    ),
    TableRow("Supervised", "Supervised", "supervised", recipe="supervised.yaml"),
    TableRow(
        "VICP without L_align",
        _ABLATION,
        "trained",
        "generated",
        recipe="vicp.yaml",
        overrides=("train.align_weight=0",),
    ),
    TableRow(
        "VICP without L_ICL", _ABLATION, "trained", "generated", recipe="vicp.yaml", overrides=("train.icl_weight=0",)
    ),
    TableRow(
        "VICP, L_ID alone",
        _ABLATION,
        "trained",
        "generated",
        recipe="vicp.yaml",
        overrides=("train.align_weight=0", "train.icl_weight=0"),
    ),
)
"""In the order of the table; the loss ablation's first line, all losses, is the row VICP."""


def find_rows(groups: Sequence[str]) -> tuple[TableRow, ...]:
    """Return the rows of these groups, whatever their case, in the order of the table; all without any group.

    Raises:
        ConfigError: There is no such group.
    """
    known = {row.group.lower(): row.group for row in ROWS}
    for group in groups:
        if group.lower() not in known:
            raise ConfigError(f"--rows: no row '{group}'{nearest(group, list(known.values()))}")
    wanted = {group.lower() for group in groups} or set(known)
    return tuple(row for row in ROWS if row.group.lower() in wanted)


def file_name(name: str) -> str:
    """Return the name of a row as the name of a folder, such as triplet-plus."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower().replace("+", " plus")).split())
