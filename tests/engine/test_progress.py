"""Progress of a load."""

import contextlib
from functools import partial

from transformers.utils import logging

from qwen_nb.engine import progress


def test_transformers_reports_to_us_and_its_own_hook_comes_back():
    told, mine = [], logging.set_tqdm_hook(None)

    def earlier(factory, arguments, options):
        return factory(*arguments, **options)

    logging.set_tqdm_hook(earlier)
    try:
        with contextlib.suppress(KeyError), progress.weights_reported(told.append):
            assert list(logging.tqdm([1, 2, 3, 4], desc="Loading weights")) == [1, 2, 3, 4]
            raise KeyError
        assert told == [0.25, 0.5, 0.75, 1.0]
    finally:
        assert logging.set_tqdm_hook(mine) is earlier


def test_a_long_load_shows_one_line_and_leaves_nothing(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SHOW_AFTER_SECONDS", 0)
    monkeypatch.setattr(progress, "tqdm", partial(progress.tqdm, mininterval=0))
    with progress.loading_bar("tiny") as report:
        report(0.5, "loading tiny")
    shown = capsys.readouterr().err
    assert "loading tiny" in shown
    assert "50 %" in shown
    assert "\n" not in shown


def test_a_short_load_shows_nothing(capsys):
    with progress.loading_bar("tiny") as report:
        report(1.0, "tiny is ready")
    assert capsys.readouterr().err.strip() == ""
