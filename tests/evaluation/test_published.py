"""Numbers that others have printed stand beside ours where protocol and category are the same."""

from pathlib import Path

import pytest

from vicp.errors import DataError
from vicp.evaluation.report.published import add_published, read_published
from vicp.evaluation.results import Estimate, Row


def row(method: str, category: str, protocol: str = "vicp-retrieval") -> Row:
    return Row(method, "null", protocol, category, "", {"map": Estimate(0.5)}, 1, 1, 1, 0, 1, 0.0, {}, None, {})


def test_add_published_joins_by_protocol_category_and_method(tmp_path: Path) -> None:
    file = tmp_path / "printed.csv"
    file.write_text(
        "protocol,category,metric,value,method\n"
        "vicp-retrieval,cat,map,61.5,\n"
        "vicp-retrieval,cat,rank1,80,theirs\n"
        "disjoint,mean,map,40,\n"
    )
    rows = [row("ours", "cat"), row("theirs", "cat"), row("ours", "mean"), row("ours", "mean", "disjoint")]
    found = [each.paper for each in add_published(rows, read_published(file))]
    assert found == [{"map": 0.615}, {"map": 0.615, "rank1": 0.8}, {}, {"map": 0.4}]


def test_all_bad_numbers_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "printed.csv"
    file.write_text(
        "protocol,category,metric,value\nvicp-retrival,cat,map,1\ndisjoint,cat,mapp,1\ndisjoint,cat,map,101\n"
    )
    with pytest.raises(
        DataError, match=r"3 numbers cannot be used.*did you mean 'vicp-retrieval'.*did you mean 'map'.*101"
    ):
        read_published(file)
    file.write_text("protocol,category,value\n")
    with pytest.raises(DataError, match="metric"):
        read_published(file)
