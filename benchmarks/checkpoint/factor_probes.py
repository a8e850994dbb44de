"""What a frozen backbone's readout holds of the procedural world's factors, by probes that learn to read it.

Probes learn on drawn objects of seen silhouettes and tested on objects of silhouettes that no training saw.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from benchmarks.lib.probes import linear_probe
from benchmarks.lib.seed_statistics import mean
from benchmarks.lib.table_cells import interval_cells
from vicp.adapt.embedder import Embedder
from vicp.data.images import normalise
from vicp.data.procedural.world import FACTORS, Split, sample_objects, sample_silhouettes
from vicp.data.seeds import derive_seed, generator

SEED, BATCH = 0, 64
NUM_SILHOUETTES: dict[Split, int] = {"seen": 512, "unseen": 64}
HIDDEN = 256


def two_layers() -> Any:
    """A perceptron with one hidden layer, stopped early on a tenth of what it learns on: what is there to be read."""
    reader = MLPClassifier((HIDDEN,), alpha=1e-3, early_stopping=True, n_iter_no_change=4, random_state=SEED)
    return make_pipeline(StandardScaler(), reader)


PROBES: Mapping[str, Callable[[], Any]] = {"linear": linear_probe, "two_layers": two_layers}


def probe(embedder: Embedder, num_fit: int, num_test: int) -> dict[str, dict[str, dict[str, float | None]]]:
    """Share of factor values that are right in percent, by probe and factor."""
    fit, values = drawn(embedder, "seen", num_fit)
    test, truth = drawn(embedder, "unseen", num_test)
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for kind, make in PROBES.items():
        for place, name in enumerate(FACTORS):
            right = make().fit(fit, values[:, place]).predict(test) == truth[:, place]
            accuracy = mean(100.0 * right[None].astype(np.float64))
            assert accuracy is not None
            found.setdefault(kind, {})[name] = interval_cells(accuracy)
    return found


def drawn(embedder: Embedder, split: Split, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Readouts (num, D') of drawn objects and their factor values (num, 6)."""
    draw = generator(SEED, "probe", split)
    silhouettes = sample_silhouettes(NUM_SILHOUETTES[split], seed=derive_seed(SEED, "probe"), split=split)
    read, values = [], []
    for start in range(0, num, BATCH):
        size = embedder.transform.size
        images, own = sample_objects(min(BATCH, num - start), silhouettes, size=size, generator=draw)
        read.append(readouts(embedder, images))
        values.append(own)
    return torch.cat(read).numpy(), torch.cat(values).numpy()


@torch.inference_mode()
def readouts(embedder: Embedder, pixels: Tensor) -> Tensor:
    return embedder.backbone.features(normalise(pixels, embedder.transform), None).float()
