import torch
from torch import nn

from vicp.train.optim import Muon, orthogonalise


def test_singular_values_become_alike() -> None:
    draw = torch.Generator().manual_seed(0)
    for shape in ((8, 32), (32, 8), (16, 16)):
        matrix = torch.randn(shape, generator=draw) @ torch.diag(torch.linspace(0.3, 3, shape[1]))
        result = orthogonalise(matrix)
        values = torch.linalg.svdvals(result)
        assert result.shape == shape
        assert values.max() < 1.3
        assert values.median() > 0.65
        left, _, right = torch.linalg.svd(matrix, full_matrices=False)
        assert nn.functional.cosine_similarity(result.flatten(), (left @ right).flatten(), dim=0) > 0.9


def test_all_else_is_adamw() -> None:
    ours, theirs = nn.Linear(4, 3), nn.Linear(4, 3)
    theirs.load_state_dict(ours.state_dict())
    muon = Muon(ours, [], learning_rate=0.01, weight_decay=0.1)
    adam = torch.optim.AdamW(theirs.parameters(), lr=0.01, betas=(0.9, 0.95), weight_decay=0.1)
    for step in range(4):
        for model, optimizer in ((ours, muon), (theirs, adam)):
            optimizer.zero_grad()
            model(torch.full((2, 4), float(step + 1))).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


def test_only_hidden_matrices_are_orthogonalised_and_frozen_ones_left() -> None:
    model = nn.ModuleDict({"hidden": nn.Linear(4, 4), "out": nn.Linear(4, 2), "frozen": nn.Linear(4, 4)})
    model["frozen"].requires_grad_(False)
    optimizer = Muon(model, ["hidden"], learning_rate=0.1, weight_decay=0.0)
    matrices, others = (group["params"] for group in optimizer.param_groups)
    assert [p is model["hidden"].weight for p in matrices] == [True]
    assert len(others) == 3
