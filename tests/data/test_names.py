import pytest

from vicp.data.names import clean_name, is_nobody, name_fault, name_questions, nobodies, nobody_note


@pytest.mark.parametrize(
    "word",
    [
        *("unknown", "Unknown", "UNKNOWN ", "unidentified", "Un-identified", "un_known", "n/a", "N/A", "N.A.", "#N/A"),
        *("?", "???", "-", "--", "____", "...", "(unknown)", "[not identified]", "null", "no name", "No_Name", "no ID"),
        *("unbekannt", "Unbekannte".removesuffix("e"), "inconnu", "non identifié", "desconocido", "não identificado"),
        *("sconosciuto", "onbekend", "okänd", "неизвестно", "未知", "unknown individual", "unidentified animal", "-1"),
        *(
            "background",
            "Negatives",
            "human",
            "Vehicles",
            "_unsorted",
            "to_check",
            "To review",
            "Rejected",
            "New folder",
            "new_folder",
            "unknown male",
            "Unidentified adult female",
            "not in catalogue",
            "No tag",
            "N.N.",
            "(none)",
            "<NA>",
        ),
    ],
)
def test_words_for_nobody(word: str) -> None:
    assert is_nobody(word)


@pytest.mark.parametrize(
    "name",
    [
        "Tom",
        "7",
        "007",
        "True",
        "NA",
        "None",
        "Nan",
        "No 5",
        "Unknown 3",
        "0",
        "a-1",
        "",
        "Nobel",
        "Male",
        "NN",
        "Cub 4",
    ],
)
def test_names(name: str) -> None:
    assert not is_nobody(name)


def test_na_and_none_are_nobody_where_several_photos_have_them() -> None:
    assert nobodies(["NA", "None", "Tom", "Tom", None, "?"]) == {"?": 1}
    assert nobodies(["NA", "NA", "none", "None", "None"]) == {"NA": 2, "None": 2}
    assert (
        nobody_note({"NA": 2, "?": 1}, left_out=True)
        == "3 photos named '?', 'NA', a word for nobody: they are left out"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Spot\n2.jpg,b", "a quote in the file is not closed"),
        ("x" * 201, "has 201 letters"),
        ("#REF!", "a spreadsheet's error"),
        ("#####", "a spreadsheet's error"),
        ("#DIV/0!", "a spreadsheet's error"),
        ("=A1", "a spreadsheet's formula"),
        ("1.23E+11", "a number that a spreadsheet rounded"),
        ("9,87E+05", "a number that a spreadsheet rounded"),
        ("M\ufffdller", "lost letters"),
        ("Tom\x07", "control characters"),
        ("Zo\u00c3\u00ab", "another encoding (Zo\u00c3\u00ab for Zo\u00eb)"),
        ("M\u00c3\u00bcller", "another encoding"),
        ("'Tom'", "stands in quotes"),
        ("'007", "a spreadsheet's mark of text"),
    ],
)
def test_names_that_are_damage(name: str, reason: str) -> None:
    assert reason in name_fault(name)


@pytest.mark.parametrize(
    "name", ["Tom", "2E5", "#12", "1e3", "Möller", "A=B", "12E", "été 猫", "Ça", "Ärö", "'Ohana", "O'Neill", "''"]
)
def test_names_that_are_none(name: str) -> None:
    assert name_fault(name) == ""


@pytest.mark.parametrize(
    ("a", "b", "what"),
    [
        ("7", "7.0", "'.0' alone"),
        ("Tom", "tom", "case alone"),
        ("F 12", "F12", "blanks alone"),
        ("Zoë", "Zoe", "accents alone"),
        ("007", "7", "leading zeros alone"),
        ("Old Tom", "old_tom", "spelling alone"),
        ("cow-12", "cow 12", "blanks and hyphens alone"),
        ("Tom", "Tom (1)", "what a copy's name gets alone"),
        ("Tom", "Tom - Copy", "what a copy's name gets alone"),
        ("T\u043em", "Tom", "letters of another alphabet alone"),
        ("Tom?", "Tom", "signs alone"),
        ("Tom (?)", "Tom", "signs alone"),
        ("#12", "12", "signs alone"),
        ("St. Kilda", "St Kilda", "signs alone"),
        ("cf. Tom", "Tom", "a word of doubt alone"),
        ("probably Tom", "Tom", "a word of doubt alone"),
    ],
)
def test_names_that_may_be_one_are_asked_about(a: str, b: str, what: str) -> None:
    (question,) = name_questions([("cat", a), ("cat", b), ("cat", "Rex"), ("dog", a)])
    assert repr(a) in question
    assert repr(b) in question
    assert f"(cat: {what})" in question
    assert name_questions([("cat", a), ("dog", b)]) == ()
    assert name_questions([("cat", b)], known=[("cat", a)]) == (question,)
    assert name_questions([("cat", "Rex")], known=[("cat", a), ("cat", b)]) == ()


def test_numbers_in_brackets_alone_are_no_copies() -> None:
    assert name_questions([("cow", f"cow ({number})") for number in range(1, 9)]) == ()


def test_five_are_listed_and_dates_are_asked_about() -> None:
    (question,) = name_questions([("cat", name) for i in range(7) for name in (f"n{i}", f"N{i}")])
    assert question.count("case alone") == 5
    assert "and 2 more" in question
    (question,) = name_questions([("cat", "1-Mar"), ("cat", "Mar-05"), ("cat", "March")])
    assert question == "Dates that a spreadsheet made of names? '1-Mar', 'Mar-05'."


def test_several_individuals_in_one_name_are_asked_about() -> None:
    names = ("Tom", "Kit", "tom, Kit", "Kit & Mo", "Smith, John", "Tom/Kit", "1-2", "1", "12")
    (question,) = name_questions([("cat", name) for name in names])
    assert question.startswith("Several individuals in one name? 'Kit & Mo', 'Tom/Kit', 'tom, Kit'. Where a photo ")
    assert name_questions([("cat", "Kit & Mo"), ("dog", "Kit")]) == ()


def test_names_become_composed_and_lose_what_cannot_be_seen() -> None:
    assert clean_name(" Zoe\u0308\u200b ") == "Zo\u00eb"
    assert clean_name("Old\u00a0Tom") == "Old Tom"
    assert clean_name("\u202eTom\u202c") == "Tom"
