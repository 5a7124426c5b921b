"""The recorded routing: shapes, slices, files, display."""

import io
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from qwen_nb.errors import InvalidInputError
from qwen_nb.routing import chance
from qwen_nb.routing.trace import PHASES, RoutingTrace


def trace(rows=6, *, seed=0, **changes):
    """A valid trace of 2 layers, top-3 of 8 experts, some of it changed."""
    rng = np.random.default_rng(seed)
    values = {
        "experts": np.argsort(rng.random((rows, 2, 8)))[:, :, :3],
        "weights": rng.random((rows, 2, 3)),
        "token_ids": rng.integers(0, 200_000, rows),
        "tokens": [["def", " f", "\n", "\x00", "ü", "\ufffd"][row % 6] for row in range(rows)],
        "phase": [PHASES[row % 4] for row in range(rows)],
        "num_experts": 8,
        "layers": [1, 4],
        "model": "nano",
    }
    return RoutingTrace(**{**values, **changes})


@st.composite
def traces(draw):
    rows, depth, top_k = draw(st.integers(0, 5)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    experts = draw(st.integers(top_k, 65_536))
    shape = (rows, depth, top_k)
    return RoutingTrace(
        draw(arrays.arrays(np.int64, shape, elements=st.integers(0, experts - 1))),
        weights=draw(st.none() | arrays.arrays(np.float16, shape)),
        token_ids=draw(arrays.arrays(np.int64, rows, elements=st.integers(0, 2**31 - 1))),
        tokens=draw(st.lists(st.text(), min_size=rows, max_size=rows)),
        phase=draw(st.lists(st.sampled_from(PHASES), min_size=rows, max_size=rows)),
        num_experts=experts,
        layers=draw(st.lists(st.integers(0, 100), min_size=depth, max_size=depth, unique=True).map(sorted)),
        model=draw(st.text()),
    )


def test_arrays_have_the_types_that_stay_fixed():
    recorded = trace()
    assert (recorded.experts.dtype, recorded.experts.shape) == (np.uint16, (6, 2, 3))
    assert recorded.weights is not None
    assert (recorded.weights.dtype, recorded.weights.shape) == (np.float16, (6, 2, 3))
    assert recorded.token_ids.dtype == np.int32
    assert list(recorded.phase) == ["prompt", "thinking", "answer", "tool_call", "prompt", "thinking"]
    assert recorded.phase_codes.nbytes == len(recorded) == 6
    assert (recorded.num_experts, recorded.top_k, recorded.layers, recorded.model) == (8, 3, (1, 4), "nano")
    assert recorded.tokens[3] == "\x00"


def test_layers_are_all_layers_when_not_given():
    assert trace(layers=None).layers == (0, 1)


def test_arrays_cannot_be_changed_and_the_callers_stay_changeable():
    mine = np.zeros((1, 2, 3), np.uint16)
    recorded = trace(1, experts=mine)
    with pytest.raises(ValueError, match="read-only"):
        recorded.experts[0, 0, 0] = 1
    mine[0, 0, 0] = 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"experts": np.zeros((6, 2), int)}, "shape [tokens, layers, k], not [6, 2]"),
        ({"experts": np.full((6, 2, 3), 8)}, "experts must be from 0 to 7, not 8"),
        ({"experts": np.full((6, 2, 3), -1)}, "experts must be from 0 to 7, not -1"),
        ({"experts": np.zeros((6, 2, 3))}, "experts must be whole numbers, not float64"),
        ({"experts": np.zeros((6, 2, 9), int)}, "top-9 of 8 experts"),
        ({"num_experts": 70_000}, "of 70000 experts"),
        ({"weights": np.zeros((6, 2, 2))}, "weights have the shape (6, 2, 2), experts (6, 2, 3)"),
        ({"token_ids": [1, 2]}, "token_ids has 2 entries for 6 rows"),
        ({"token_ids": [-1] * 6}, "token_ids must be from 0"),
        ({"token_ids": np.zeros((6, 1), int)}, "one dimension"),
        ({"tokens": ["a"]}, "tokens has 1 entries for 6 rows"),
        ({"phase": ["answer"] * 7}, "phase has 7 entries for 6 rows"),
        ({"phase": ["anser"] * 6}, "no phase 'anser'. Did you mean 'answer'?"),
        ({"phase": np.full(6, 4, np.uint8)}, "phase must be from 0 to 3, not 4"),
        ({"layers": [1]}, "layers names 1 layers, experts has 2"),
        ({"layers": [4, 1]}, "in order"),
        ({"layers": [-1, 1]}, "from 0 on"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_the_numbers(changes, said):
    with pytest.raises(InvalidInputError) as refused:
        trace(**changes)
    assert said in str(refused.value)


def test_a_trace_without_weights_knows_ids_only():
    recorded = trace(weights=None)
    assert recorded.weights is None
    assert recorded[1:3].weights is None
    assert recorded != trace()
    assert recorded == trace(weights=None)


def test_slices_keep_everything_together():
    recorded = trace()
    part = recorded[1:4]
    assert len(part) == 3
    assert part.weights is not None
    assert recorded.weights is not None
    np.testing.assert_array_equal(part.experts, recorded.experts[1:4])
    np.testing.assert_array_equal(part.weights, recorded.weights[1:4])
    assert part.tokens == recorded.tokens[1:4]
    assert list(part.phase) == ["thinking", "answer", "tool_call"]
    assert recorded[-1].tokens == recorded.tokens[-1:]
    assert recorded[::2] == recorded[[0, 2, 4]] == recorded[np.array([True, False] * 3)]
    assert recorded[3:3].tokens == []
    with pytest.raises(IndexError):
        recorded[6]
    assert [row.tokens[0] for row in recorded] == recorded.tokens


def test_a_phase_is_the_rows_of_that_phase():
    assert trace().of_phase("thinking") == trace()[[1, 5]]
    assert len(trace(1).of_phase("answer")) == 0
    with pytest.raises(InvalidInputError, match="Did you mean 'thinking'"):
        trace().of_phase("thinkin")  # type: ignore[arg-type]


@given(traces(), st.integers(0, 5), st.integers(0, 5))
def test_parts_concatenated_are_the_whole(recorded, first, second):
    start, end = sorted((first, second))
    assert RoutingTrace.concatenate([recorded[:start], recorded[start:end], recorded[end:]]) == recorded


@pytest.mark.parametrize("changes", [{"model": "other"}, {"weights": None}, {"layers": [0, 1]}, {"num_experts": 9}])
def test_traces_of_different_models_are_not_concatenated(changes):
    with pytest.raises(InvalidInputError, match="only traces of one model"):
        RoutingTrace.concatenate([trace(), trace(**changes)])


def test_nothing_is_not_concatenated():
    with pytest.raises(InvalidInputError, match="no trace"):
        RoutingTrace.concatenate([])


@pytest.mark.parametrize(
    "changes",
    [
        {"experts": np.zeros((6, 2, 3), int)},
        {"weights": np.zeros((6, 2, 3))},
        {"token_ids": [0] * 6},
        {"tokens": ["a"] * 6},
        {"phase": ["answer"] * 6},
        {"num_experts": 9},
        {"layers": [0, 4]},
        {"model": "other"},
    ],
)
def test_equal_means_equal_in_everything(changes):
    assert trace() == trace()
    assert trace() != trace(**changes)
    assert trace() != "trace"
    with pytest.raises(TypeError):
        hash(trace())


@settings(max_examples=50)
@given(recorded=traces())
def test_what_is_saved_is_what_is_loaded(recorded, tmp_path_factory):
    path = tmp_path_factory.mktemp("traces") / "t.npz"
    recorded.save(path)
    assert RoutingTrace.load(path) == recorded
    assert RoutingTrace.load(str(path)).experts.dtype == np.uint16
    assert [file.name for file in path.parent.iterdir()] == ["t.npz"]


def test_the_file_holds_plain_arrays(tmp_path):
    trace().save(tmp_path / "t.npz")
    with np.load(tmp_path / "t.npz", allow_pickle=False) as archive:
        assert sorted(archive.files) == ["about", "experts", "phase", "token_ids", "weights"]
        assert archive["experts"].dtype == np.uint16


def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "t.npz"
    trace().save(path)

    def disk_full(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", disk_full)
    with pytest.raises(OSError, match="No space"):
        trace(5).save(path)
    assert RoutingTrace.load(path) == trace()
    assert list(tmp_path.iterdir()) == [path]


def test_saving_into_a_missing_folder_names_the_folder(tmp_path):
    with pytest.raises(InvalidInputError, match="no folder"):
        trace().save(tmp_path / "nowhere" / "t.npz")


def npz(**contents):
    buffer = io.BytesIO()
    np.savez(buffer, **contents)
    return buffer.getvalue()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a trace",
        b"PK\x03\x04",
        npy(np.zeros(3)),
        npz(experts=np.zeros((1, 1, 1), int)),
        npz(about=np.frombuffer(b"{}", np.uint8)),
        npz(about=np.frombuffer(b'{"format": "other", "version": 1}', np.uint8)),
        npz(about=np.frombuffer(b"[1]", np.uint8)),
        npz(about=np.frombuffer(b'{"format": "qwen_nb routing trace", "version": 1}', np.uint8)),
        npz(about=np.frombuffer(b"\xff\xfe", np.uint8)),
    ],
)
def test_a_foreign_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "foreign.npz"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"foreign\.npz"):
        RoutingTrace.load(path)


def test_a_file_of_a_newer_version_says_to_upgrade(tmp_path):
    path = tmp_path / "t.npz"
    path.write_bytes(npz(about=np.frombuffer(b'{"format": "qwen_nb routing trace", "version": 2}', np.uint8)))
    with pytest.raises(InvalidInputError, match=r"version 2.*Upgrade"):
        RoutingTrace.load(path)


def test_a_file_that_lost_an_array_is_refused(tmp_path):
    path = tmp_path / "t.npz"
    trace().save(path)
    with np.load(path) as archive:
        kept = {name: archive[name] for name in archive.files if name != "weights"}
    path.write_bytes(npz(**kept))
    with pytest.raises(InvalidInputError, match="arrays are missing"):
        RoutingTrace.load(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(InvalidInputError, match=r"nowhere\.npz"):
        RoutingTrace.load(tmp_path / "nowhere.npz")


class Bomb:
    """Unpickling it is seen."""

    exploded = False

    def __reduce__(self):
        return setattr, (Bomb, "exploded", True)


def test_a_pickle_in_the_file_is_never_run(tmp_path):
    path = tmp_path / "t.npz"
    for content in (pickle.dumps(Bomb()), npz(about=np.array([Bomb()], object)), npy(np.array([Bomb()], object))):
        path.write_bytes(content)
        with pytest.raises(InvalidInputError):
            RoutingTrace.load(path)
    assert not Bomb.exploded


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_still_says_the_same(data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    trace().save(path)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loaded = RoutingTrace.load(path)
        except InvalidInputError:
            return
    assert loaded == trace()


def test_repr_is_one_line_with_the_numbers():
    assert repr(trace()) == (
        "<RoutingTrace 6 tokens (2 prompt, 2 thinking, 1 answer, 1 tool_call), top-3 of 8 experts in 2 layers of nano>"
    )
    assert repr(trace(0, model="")) == "<RoutingTrace no tokens, top-3 of 8 experts in 2 layers>"


def skewed():
    """Four tokens, layer 1 always to experts 0 1 2, layer 4 to all eight in turn."""
    layer_1 = [[0, 1, 2]] * 4
    layer_4 = [[0, 1, 2], [3, 4, 5], [6, 7, 0], [1, 2, 3]]
    return trace(4, experts=np.stack([layer_1, layer_4], axis=1))


def test_the_table_shows_each_layer_beside_what_chance_gives():
    lines = skewed()._repr_markdown_().splitlines()
    assert lines[0].startswith("Routing: 4 tokens (1 prompt, 1 thinking, 1 answer, 1 tool_call)")
    assert lines[4] == "| 1 | 0 | 33.3 % | 5 |"
    assert lines[5] == "| 4 | 0 | 16.7 % | 0 |"
    assert lines[6] == f"| by chance | any | {100 * chance.busiest_share(4, 3, 8):.1f} % | 1.2 |"
    html = skewed()._repr_html_()
    assert "<td>33.3 %</td><td>5</td>" in html
    assert "by chance" in html


def test_the_display_uses_jupyterlabs_colours_and_escapes_names():
    html = trace(model="<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in html
    assert "var(--jp-ui-font-color1" in html
    assert "#" not in html


def test_an_empty_trace_has_a_display():
    assert "no tokens" in trace(0)._repr_html_()
    assert "no tokens" in trace(0)._repr_markdown_()


@pytest.mark.parametrize(
    ("tokens", "top_k", "experts"), [(1, 1, 8), (1, 4, 32), (10, 1, 4), (20, 2, 8), (100, 8, 128), (200, 4, 32)]
)
def test_the_level_by_chance_agrees_with_simulated_uniform_routers(tokens, top_k, experts):
    rng = np.random.default_rng(0)
    choices = [np.argsort(rng.random((tokens, experts)), axis=1)[:, :top_k] for _ in range(300)]
    counts = np.stack([np.bincount(choice.ravel(), minlength=experts) for choice in choices])
    share = counts.max(axis=1).mean() / (tokens * top_k)
    assert chance.busiest_share(tokens, top_k, experts) == pytest.approx(share, rel=0.05)
    assert chance.unused_experts(tokens, top_k, experts) == pytest.approx((counts == 0).sum(axis=1).mean(), abs=0.25)


def test_a_router_that_uses_all_experts_has_no_chance_about_it():
    assert chance.busiest_share(10, 8, 8) == 1 / 8
    assert chance.unused_experts(10, 8, 8) == 0


@given(st.integers(1, 3000), st.integers(1, 8), st.integers(8, 512))
def test_the_busiest_share_lies_between_even_and_all_a_token_can_give(tokens, top_k, experts):
    share = chance.busiest_share(tokens, top_k, experts)
    assert 1 / experts <= share * (1 + 1e-9)
    assert share <= 1 / top_k * (1 + 1e-9)
