"""The examples in the docstrings of the metrics are worked by hand, and hold."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize(("name", "count"), [("ranking", 1), ("verification", 1), ("open_set", 1), ("reliability", 2)])
def test_examples_hold(name: str, count: int) -> None:
    result = doctest.testmod(importlib.import_module(f"vicp.metrics.{name}"))
    assert result.failed == 0
    assert result.attempted >= count
