"""The heads on the slot states: visual head, metric head and in-context verifier.

The visual head makes prompt tokens of them, as in the paper. The other two are ours. M prompt tokens must move what
every layer attends to before the embedding changes, and the context often knows more than they pass on. So the metric
head also says which directions of the readout count for a category: W = I + U diag(g) V, with directions U and V that
are learned once and gains g that are emitted for each category. The verifier gives P(same | context, a, b), one MLP per
pair.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vicp.model.additions.pca import principal_components
from vicp.model.category_metric import CategoryMetric

GAIN_SCALE = 4.0  # a gain of a fresh head per unit of its output: directions that count must outweigh all the others


class VisualHead(nn.Module):
    """A two-layer MLP, or a linear map, from the LLM's width to the ViT's; optionally a set of tokens per layer.

    Args:
        in_dim: E.
        out_dim: D.
        num_layers: L for prompts per layer, None for one set shared by all layers.
        norm: LayerNorm on the output (ours): every layer norms its tokens anyway, and with a fixed length the
            head cannot shrink the prompt into a constant.
        kind: The paper's MLP, or one linear layer.
        zero_init: Weights and bias of the last linear layer start at zero, and so do the prompt tokens before `norm`.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        num_layers: int | None = None,
        norm: bool = True,
        kind: Literal["mlp", "linear"] = "mlp",
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        self.num_layers = num_layers
        mlp = [nn.LayerNorm(in_dim), nn.Linear(in_dim, in_dim), nn.GELU()] if kind == "mlp" else []
        self.hidden = nn.Sequential(*mlp)
        self.out = nn.Linear(in_dim, out_dim * (num_layers or 1))
        if zero_init:
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)
        self.norm = nn.LayerNorm(out_dim) if norm else nn.Identity()

    def forward(self, states: Tensor) -> Tensor:
        """Return prompt tokens (C, M, D), or (C, L, M, D), from slot states (C, M, E)."""
        tokens: Tensor = self.out(self.hidden(states))  # (C, M, D) or (C, M, L*D)
        if self.num_layers is not None:
            tokens = tokens.reshape(*tokens.shape[:-1], self.num_layers, -1).transpose(1, 2)  # (C, L, M, D)
        normed: Tensor = self.norm(tokens)
        return normed


class MetricHead(nn.Module):
    """Emits the gains of a category, and embeds readouts under them.

    Args:
        in_dim: E.
        out_dim: D', the length of the readout.
        num_slots: M.
        rank: r, how many directions there are.
    """

    def __init__(self, in_dim: int, out_dim: int, *, num_slots: int, rank: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(in_dim)
        self.pool = nn.Linear(num_slots, 1, bias=False)
        self.hidden = nn.Sequential(nn.Linear(in_dim, 2 * in_dim), nn.GELU())
        self.out = nn.Linear(2 * in_dim, rank)
        self.centre = nn.Parameter(torch.zeros(out_dim))
        self.input_directions = nn.Parameter(torch.randn(rank, out_dim) / out_dim**0.5)  # V
        self.output_directions = nn.Parameter(torch.randn(rank, out_dim) / out_dim**0.5)  # U, transposed
        nn.init.constant_(self.pool.weight, 1 / num_slots)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)

    def forward(self, states: Tensor) -> Tensor:
        """Return gains (C, r) from slot states (C, M, E)."""
        pooled = self.pool(self.norm(states).mT).squeeze(-1)  # (C, E)
        gains: Tensor = GAIN_SCALE * self.out(self.hidden(pooled))  # (C, r)
        return gains

    def coordinates(self, readouts: Tensor) -> Tensor:
        """Return coordinates (..., r) of L2-normalised readouts (..., D') along V; no gradient reaches V."""
        return (readouts.float() - self.centre.detach()) @ self.input_directions.detach().T

    def embed(self, readouts: Tensor, metric: CategoryMetric[Tensor]) -> Tensor:
        """Return L2-normalised float32 embeddings (..., D') of readouts (..., D') under the metric of one category.

        Of C categories, readouts are (C, n, D'): n photos of each.
        """
        centre = self.centre_of(metric)
        centred = F.normalize(readouts.float(), dim=-1) - (centre if centre.ndim == 1 else centre[:, None])
        gains, nuisance = metric.gains.float(), metric.nuisance
        gains = gains if gains.ndim == 1 else gains[:, None]  # (C, 1, r)
        if nuisance is not None:
            centred = centred - (centred @ nuisance.mT) @ nuisance
        moved = ((centred @ self.input_directions.T) * gains) @ self.output_directions  # (..., D')
        return F.normalize(centred + moved, dim=-1)

    def centre_of(self, metric: CategoryMetric[Tensor]) -> Tensor:
        """Return what `embed` subtracts under this metric: (D',), or (C, D')."""
        return self.centre if metric.centre is None else metric.centre.float()

    def matrix(self, metric: CategoryMetric[Tensor]) -> Tensor:
        """Return W (D', D') of one category's metric: `embed` is normalise((x - centre) W) for L2-normalised rows x."""
        whole = torch.eye(len(self.centre), device=self.centre.device)
        gains, nuisance = metric.gains.float(), metric.nuisance
        kept = whole if nuisance is None else whole - nuisance.T @ nuisance
        matrix: Tensor = kept @ (whole + (self.input_directions.T * gains) @ self.output_directions)
        return matrix

    @torch.no_grad()
    def start_from(self, readouts: Tensor) -> None:
        """Set the directions to the principal components of L2-normalised readouts (n, D'), read at the same size.

        What tells individuals apart may vary little: read at their own size, its directions would be slow to learn.
        """
        found = principal_components(readouts, len(self.input_directions))
        self.centre.copy_(found.centre)
        self.input_directions.copy_(found.directions * (found.deviation.median() / found.deviation)[:, None])
        self.output_directions.copy_(found.directions)


class Verifier(nn.Module):
    """Scores the comparison of two photos against what the LLM made of the context."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim))
        self.score = nn.Sequential(nn.Linear(3 * dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, 1))

    def forward(self, comparison: Tensor, states: Tensor) -> Tensor:
        """Log odds (C, R) that the photos of R pairs show the same individual.

        Args:
            comparison: Comparison tokens of the pairs (C, R, E).
            states: Slot states of the context (C, M, E).
        """
        context = self.gate(states.mean(dim=1, keepdim=True)).expand_as(comparison)  # (C, R, E)
        features = torch.cat([comparison, context, comparison * context], dim=-1)  # (C, R, 3E)
        scores: Tensor = self.score(features)  # (C, R, 1)
        return scores.squeeze(-1)  # (C, R)
