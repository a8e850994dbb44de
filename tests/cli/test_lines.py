"""Lines for people: at most 80 columns, with words, commands and percentages whole."""

from vicp.cli.render.answers import fitted, wrapped


def test_a_line_that_fits_stays() -> None:
    line = "  cat: 5 photos  of 2 individuals"
    assert fitted(line) == [line]


def test_a_long_line_is_broken_and_what_follows_stands_further_in() -> None:
    lines = fitted("  row 3 (cat/Tom/0.jpg): more than 20,000 pieces of metadata and no picture, so save it again")
    assert [len(line) <= 80 for line in lines] == [True, True]
    assert lines[0].startswith("  row 3 (cat/Tom/0.jpg): more than")
    assert lines[1].startswith("    ")
    assert " ".join(line.strip() for line in lines).endswith("so save it again")


def test_commands_and_percentages_stay_whole() -> None:
    command = "`vicp pairs add 'my next.csv' --photos shoes`"
    lines = wrapped(f"Wrote my next.csv: fill in its column and then give {command}, of which 99 % is known, or 100 %.")
    assert any(command in line for line in lines)
    assert not any(line.endswith((" 99", " 100")) for line in lines)
    assert max(map(len, lines)) <= 80


def test_a_path_is_never_broken() -> None:
    path = "/data/" + "deep/" * 20 + "photo.jpg"
    assert path in fitted(f"Wrote {path}.")[-1]
