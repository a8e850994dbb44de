"""Numbers that others have printed stand beside our row of the same method, adaptation, protocol and category."""

from pathlib import Path

import pytest

from vicp.errors import DataError
from vicp.evaluation.report.published import add_published, read_published
from vicp.evaluation.results import Estimate, Row

HEADER = "method,adaptation,protocol,category,metric,value\n"


def row(method: str, category: str, adaptation: str = "null", protocol: str = "vicp-retrieval") -> Row:
    values = {"map": Estimate(0.5)}
    return Row(method, adaptation, protocol, category, "", values, 1, 1, 1, 0, 1, 0.0, {}, None, {})


def test_a_number_stands_beside_the_row_it_was_printed_for_alone(tmp_path: Path) -> None:
    file = tmp_path / "printed.csv"
    file.write_text(
        HEADER
        + "triplet,null,vicp-retrieval,cat,map,61.5\n"
        + "triplet,finetuned,vicp-retrieval,cat,rank1,80\n"
        + "triplet,null,disjoint,mean,map,40\n"
    )
    rows = [
        *(row("triplet", "cat"), row("triplet", "cat", "finetuned"), row("triplet", "cat", "metric")),
        *(row("dinov2", "cat"), row("triplet", "mean"), row("triplet", "mean", protocol="disjoint")),
    ]
    found = [each.paper for each in add_published(rows, read_published(file))]
    assert found == [{"map": 0.615}, {"rank1": 0.8}, {}, {}, {}, {"map": 0.4}]


def test_all_bad_numbers_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "printed.csv"
    file.write_text(
        HEADER
        + "a,null,vicp-retrival,cat,map,1\na,null,disjoint,cat,mapp,1\na,null,disjoint,cat,map,101\n"
        + ",null,disjoint,cat,map,1\n"
    )
    with pytest.raises(
        DataError,
        match=r"4 numbers cannot be used.*did you mean 'vicp-retrieval'.*did you mean 'map'.*101.*method or adaptation",
    ):
        read_published(file)
    file.write_text("method,protocol,category,value\n")
    with pytest.raises(DataError, match=r"adaptation.*metric"):
        read_published(file)
