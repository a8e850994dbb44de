"""Lays hashes of the individuals that a checkpoint learned from beside it, so that no evaluation looks them up.

    python -m benchmarks.checkpoint.training_identities TABLE.parquet ... --model FOLDER

`vicp train` does this for the photos that it trains on. Here it is done for sets under the names that they were
published with, which `benchmarks.checkpoint.labelled_photos` changes.
"""

from collections.abc import Sequence
from functools import reduce
from pathlib import Path

from benchmarks.lib.program import run, study_parser
from vicp.data.sources import open_photos
from vicp.data.training_identities import NAME, TrainingIdentities
from vicp.errors import ConfigError


def main(arguments: Sequence[str] | None = None) -> None:
    parser = study_parser(__doc__, "tables")
    parser.add_argument("--model", type=Path, required=True, help="folder of a checkpoint")
    options = parser.parse_args(arguments)
    if not options.model.is_dir():
        raise ConfigError(f"{options.model}: no such folder; --model is that of a checkpoint")
    known = reduce(TrainingIdentities.joined, (TrainingIdentities.of([open_photos(one)]) for one in options.tables))
    known.save(options.model)
    print(f"{options.model / NAME}: {len(known.identities)} individuals, {len(known.photos)} photos")


if __name__ == "__main__":
    run(main)
