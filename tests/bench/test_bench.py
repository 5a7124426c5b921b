"""The benches measure what they say they measure; how fast this machine is, no test asks."""

import json

import pytest
import torch

from qwen_nb import bench
from qwen_nb.bench import decode, start
from qwen_nb.config import Sampling
from tests.helpers.tiny_models import tiny_local_model

ROUNDS = (decode.Round(2.0, 3.0), decode.Round(1.0, 3.0), decode.Round(4.0, 4.0))


def result(**changes):
    given = {
        "model": "tiny",
        "device": "cpu",
        "dtype": "float32",
        "threads": 2,
        "torch": "2",
        "transformers": "5",
        "prompt_tokens": 10,
        "tokens": 100,
        "same_ids": True,
        "rounds": ROUNDS,
    }
    return decode.DecodeResult(**(given | changes))


def test_decode_does_the_same_work_both_ways_and_times_every_round():
    measured = decode.measure(tiny_local_model(), repeats=3, max_tokens=12)
    assert measured.same_ids
    assert measured.tokens == 12
    assert measured.prompt_tokens > 20
    assert len(measured.rounds) == 3
    assert all(r.ours > 0 and r.generate > 0 for r in measured.rounds)


def test_who_goes_first_takes_turns(monkeypatch):
    order = []
    monkeypatch.setattr(decode, "_ours", lambda *_: order.append("ours"))
    monkeypatch.setattr(decode, "_generate", lambda *_: order.append("generate"))
    model, prompt = tiny_local_model(), torch.zeros(1, 1)
    for number in range(4):
        decode._round(model, Sampling(), prompt, 5, number)
    assert order == ["ours", "generate", "generate", "ours"] * 2


def test_decode_reports_speeds_and_the_ratio_with_its_spread():
    text = decode.as_text(result())
    assert "qwen_nb stream, with routing      50.0 tokens/s" in text
    assert "transformers generate             33.3 tokens/s" in text
    assert "1.50   (1.00 to 3.00 in 3 rounds)" in text
    assert "NOT" not in text
    assert "NOT the same ids" in decode.as_text(result(same_ids=False))


def test_decode_as_json_has_every_round():
    figures = json.loads(decode.as_json(result()))
    assert figures["rounds"] == [{"ours": r.ours, "generate": r.generate} for r in ROUNDS]
    assert figures["ratios"] == [1.0, 1.5, 3.0]


def test_start_reports_each_part_and_the_sum():
    starts = [start.Start(1.0, 0.1, 4.0), start.Start(1.2, 0.1, 6.0), start.Start(1.1, 0.2, 5.0)]
    text = start.as_text("tiny", starts)
    assert "question to first token      5.00 s" in text
    assert "start to first token         6.30 s   (5.10 to 7.30 in 3 starts)" in text
    assert json.loads(start.as_json("tiny", starts))["starts"][0]["total"] == pytest.approx(5.1)


@pytest.mark.slow
def test_a_start_is_measured_in_a_kernel_of_its_own():
    measured = start.measure("nano")
    assert min(measured.kernel, measured.extension, measured.first_token) > 0


def test_a_model_that_does_not_exist_is_an_error_and_no_endless_wait():
    with pytest.raises(start.ModelLoadError, match="Did you mean 'nano'"):
        start.measure("nanno")


@pytest.mark.parametrize("line", [[], ["sprint"], ["decode", "--repeats", "0"], ["start", "--max-tokens", "3"]])
def test_lines_that_make_no_sense_are_refused(line, capsys):
    with pytest.raises(SystemExit) as caught:
        bench.main(line)
    assert caught.value.code == 2
    assert "usage: qwen-nb bench" in capsys.readouterr().err


def test_the_command_line_hands_its_options_on(monkeypatch, capsys):
    monkeypatch.setattr(decode, "load", lambda name: {"tiny": tiny_local_model()}[name])
    assert bench.main(["decode", "-m", "tiny", "-r", "2", "-n", "5", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["tokens"], len(figures["rounds"])) == (5, 2)
