import math
import sys
import threading

import pytest
import torch

from recipe_widgets import RecipeError
from recipe_widgets.core import History


def test_columns_keep_steps_and_values() -> None:
    history = History()
    for step in range(5):
        history.append("train_loss", step, step / 2)
    history.append("val_loss", 4, 9.0)
    assert history.series("train_loss") == [0, 0.5, 1.0, 1.5, 2.0]
    assert history.steps("val_loss") == [4]
    assert history.last("val_loss") == 9.0
    assert math.isnan(history.last("nothing"))
    assert len(history) == 5
    assert history.names == ("train_loss", "val_loss")


def test_parts_of_a_column() -> None:
    history = History()
    for step in range(0, 50, 10):
        history.append("val_loss", step, step / 10)
    steps, values = history.since("val_loss", 1, 3)
    assert (steps.tolist(), values.tolist()) == ([10, 20], [1.0, 2.0])
    assert history.since("val_loss", 4)[1].tolist() == [4.0]
    assert [history.before("val_loss", step) for step in (0, 1, 30, 31, 99)] == [None, 0, 2, 3, 4]
    assert history.before("nothing", 9) is None


def test_tensors_that_wait_are_there_when_read() -> None:
    history = History()
    for step in range(100):
        history.append_later("train_loss", step, torch.tensor(float(step)))
    assert history.series("train_loss") == [float(step) for step in range(100)]


def test_json_keeps_what_is_no_number() -> None:
    history = History()
    for step, value in enumerate([1.5, math.nan, math.inf, -math.inf]):
        history.append("train_loss", step, value)
    text = history.to_json()
    assert '"NaN"' in text
    back = History.from_json(text)
    assert back.steps("train_loss") == [0, 1, 2, 3]
    assert str(back.series("train_loss")) == str(history.series("train_loss"))


@pytest.mark.parametrize("text", ["", "[]", '{"a": 3}', '{"a": {"steps": [1], "values": []}}',
                                  '{"a": {"steps": ["x"], "values": [1]}}'])
def test_a_broken_file_is_one_clear_error(text: str) -> None:
    with pytest.raises(RecipeError):
        History.from_json(text)


def test_an_unknown_column_is_told_with_the_known_ones() -> None:
    history = History()
    history.append("train_loss", 0, 1.0)
    with pytest.raises(RecipeError, match="train_loss"):
        history.series("loss")


def test_readers_in_other_threads_always_see_whole_columns() -> None:
    history, errors, ready = History(), [], threading.Event()

    def read() -> None:
        while not ready.is_set():
            steps, values = history.arrays("train_loss")
            accuracy = history.series("train_accuracy") if "train_accuracy" in history else []
            if len(steps) != len(values) or not (steps
                                                 == values).all() or accuracy != sorted(accuracy):
                errors.append((len(steps), len(values)))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for step in range(20_000):
        history.append("train_loss", step, float(step))
        if step % 10 == 0:
            history.append_later("train_accuracy", step, torch.tensor(float(step)))
    ready.set()
    for reader in readers:
        reader.join()
    assert errors == []
    assert history.series("train_accuracy") == [float(step) for step in range(0, 20_000, 10)]


def test_a_growing_history_is_written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each column with as many values as steps, also where the writer adds a number between two
    looks at them.
    """
    history, steps = History(), History.steps

    def then_one_more(self: History, name: str) -> list[int]:
        found = steps(self, name)
        self.append(name, len(found), 1.0)
        return found

    history.append("train_loss", 0, 1.0)
    monkeypatch.setattr(History, "steps", then_one_more)
    column = history.to_dict()["train_loss"]
    assert len(column["steps"]) == len(column["values"])


def test_a_column_by_its_name_is_an_array_of_its_own() -> None:
    history = History()
    history.append("val_loss", 3, 0.5)
    values = history["val_loss"]
    values[0] = 7
    assert history["val_loss"].tolist() == [0.5]
    with pytest.raises(RecipeError, match="no column 'val_los', expected one of val_loss"):
        history["val_los"]
    assert list(history) == ["val_loss"]


def test_a_history_says_what_it_holds() -> None:
    history = History()
    assert repr(history) == "History(empty)"
    for step in range(3):
        history.append("train_loss", step, 2 - step / 2)
    history.append("val_loss", 2, 1.25)
    assert repr(history) == "History(train_loss 3 (1), val_loss 1 (1.25))"


def test_a_table_has_a_row_for_each_step() -> None:
    pytest.importorskip("pandas")
    history = History()
    for step in range(3):
        history.append("train_loss", step, float(step))
    history.append("val_loss", 2, 1.0)
    history.append("val_loss", 2, 1.25)  # looked at twice: the newest counts
    table = history.to_dataframe()
    assert table.index.name == "step"
    assert table["train_loss"].tolist() == [0, 1, 2]
    assert table["val_loss"].isna().tolist() == [True, True, False]
    assert table.loc[2, "val_loss"] == 1.25


def test_without_pandas_the_table_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(RecipeError, match="pip install pandas"):
        History().to_dataframe()
