"""Which precision matrix products have: what the environment says, or the processor."""

import pytest

from vicp.errors import ConfigError
from vicp.model.loading.precision import choose_precision


def test_the_environment_decides_the_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VICP_PRECISION", "bfloat16")
    assert choose_precision() == "bfloat16"
    assert choose_precision("float32") == "float32"
    monkeypatch.setenv("VICP_PRECISION", "half")
    with pytest.raises(ConfigError, match="VICP_PRECISION is 'half'"):
        choose_precision()
