"""Export the packaged checkpoints again, in place: `make exports`. A graph that two of them share is stored once."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from vicp.adapt.checkpoints import open_embedder
from vicp.model.loading.packaged import BACKBONES, CHECKPOINTS, MODELS
from vicp.runtime.export.folder import BACKBONE, METRIC_HEAD, PROMPT_STATES, describe, write_graphs
from vicp.runtime.exported import EXPORT_NAME

GRAPHS = (BACKBONE, PROMPT_STATES)


def export_packaged(root: Path = CHECKPOINTS, names: tuple[str, ...] = (*BACKBONES, *MODELS)) -> None:
    """Write the export of each checkpoint into its folder; a graph equal to an earlier one's is referred to."""
    for position, name in enumerate(names):
        embedder, folder = open_embedder(name), root / name
        exported = describe(embedder)
        with TemporaryDirectory() as made:
            write_graphs(embedder, exported, Path(made))
            places = {}
            for graph in GRAPHS:
                data = (Path(made) / graph).read_bytes()
                earlier = [other for other in names[:position] if _content(root / other / graph) == data]
                places[graph] = f"../{earlier[0]}/{graph}" if earlier else graph
                (folder / graph).unlink(missing_ok=True)
                if not earlier:
                    (folder / graph).write_bytes(data)
            if exported.metric_head is not None:
                (folder / METRIC_HEAD).write_bytes((Path(made) / METRIC_HEAD).read_bytes())
        exported = replace(exported, backbone=places[BACKBONE], prompt_states=places[PROMPT_STATES])
        (folder / EXPORT_NAME).write_text(exported.to_json(), encoding="utf-8")
        print(f"{name}: {exported.backbone}, {exported.prompt_states}")


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


if __name__ == "__main__":
    export_packaged()
    size = sum(file.stat().st_size for file in CHECKPOINTS.rglob("*") if file.is_file())
    print(f"the packaged checkpoints take {size / 1e6:.1f} MB")
