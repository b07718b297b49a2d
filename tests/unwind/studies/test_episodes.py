from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import SHARED
from unwind.studies.episodes import LabelError, read_labels

HEAD = "id,name,acute_start,end\n"
ROWS = HEAD + "E2007q,Quants,2007-08-06,2007-08-10\nE2008,Lehman,2008-09-15,2008-11-20\n"


def _folder(tmp_path: Path, episodes: str = ROWS, **others: str) -> Path:
    (tmp_path / "deleveraging_episodes.csv").write_text(episodes, encoding="utf-8")
    for name, text in others.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


class TestLabels:
    def test_are_read(self, tmp_path: Path) -> None:
        labels = read_labels(
            _folder(
                tmp_path,
                calm_periods="id,start,end,basis\nC1,2017-01-03,2017-12-29,quiet\n",
                other_selloffs="id,start,end\nN1,2016-06-24,2016-06-27\n",
            )
        )
        quants, lehman = labels.episodes
        assert (quants.name, quants.title) == ("E2007q", "Quants")
        assert quants.acute_start == pd.Timestamp("2007-08-06")
        assert lehman.end == pd.Timestamp("2008-11-20")
        assert labels.calm[0].start == pd.Timestamp("2017-01-03")
        assert labels.others[0].name == "N1"

    def test_calm_and_other_selloffs_may_be_absent(self, tmp_path: Path) -> None:
        labels = read_labels(_folder(tmp_path))
        assert (labels.calm, labels.others) == ((), ())

    def test_no_episode_is_an_answer(self, tmp_path: Path) -> None:
        assert read_labels(_folder(tmp_path, HEAD)).episodes == ()

    def test_a_spreadsheet_writes_a_byte_order_mark(self, tmp_path: Path) -> None:
        assert len(read_labels(_folder(tmp_path, "\ufeff" + ROWS)).episodes) == 2

    def test_columns_in_another_order_and_more_of_them(self, tmp_path: Path) -> None:
        told = "end,acute_start,note,name,id\n2007-08-10,2007-08-06,x,Quants,E2007q\n"
        (quants,) = read_labels(_folder(tmp_path, told)).episodes
        assert (quants.name, quants.end) == ("E2007q", pd.Timestamp("2007-08-10"))

    @pytest.mark.skipif(not (SHARED / "references").exists(), reason="no reference labels")
    def test_the_public_ones(self) -> None:
        labels = read_labels(SHARED / "references" / "episodes")
        assert (len(labels.episodes), len(labels.calm), len(labels.others)) == (12, 8, 4)


class TestBadLabels:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (HEAD + "E,x,2007-08-06,soon\n", "row 1: end 'soon' is not a date; write YYYY-MM-DD"),
            (ROWS + "E,x,,2009-01-01\n", "row 3: acute_start nan is not a date; write YYYY-MM-DD"),
            (HEAD + "E,x,06/08/2007,2007-08-10\n", "acute_start '06/08/2007' is not a date"),
            (HEAD + "E,x,2007-02-30,2007-08-10\n", "acute_start '2007-02-30' is not a date"),
            (
                HEAD + "E,x,2007-08-06,2007-08-10\nF,y,2008-09-15,2008-09-12\n",
                "row 2: end lies before acute_start; correct it",
            ),
            ("id,name,start,end\n", "lacks the columns ['acute_start']; add them"),
            ("", "cannot be read: No columns to parse from file"),
            ('id,name,acute_start,end\n"E,x\n', "cannot be read"),
        ],
    )
    def test_are_one_sentence(self, text: str, said: str, tmp_path: Path) -> None:
        with pytest.raises(LabelError) as caught:
            read_labels(_folder(tmp_path, text))
        assert said in str(caught.value)
        assert "deleveraging_episodes.csv" in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_file_that_is_no_text(self, tmp_path: Path) -> None:
        _folder(tmp_path)
        (tmp_path / "deleveraging_episodes.csv").write_bytes(b"\xff\xfe\x00\x81,\x00")
        with pytest.raises(LabelError, match="cannot be read"):
            read_labels(tmp_path)

    def test_of_calm_periods_name_their_file(self, tmp_path: Path) -> None:
        folder = _folder(tmp_path, calm_periods="id,start,end\nC1,2017-12-29,2017-01-03\n")
        with pytest.raises(LabelError, match="calm_periods.csv, row 1: end lies before start"):
            read_labels(folder)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(LabelError, match="deleveraging_episodes.csv does not exist; name the"):
            read_labels(tmp_path / "nowhere")

    def test_a_folder_in_place_of_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "deleveraging_episodes.csv").mkdir()
        with pytest.raises(LabelError, match="cannot be read"):
            read_labels(tmp_path)
