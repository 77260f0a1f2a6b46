"""The character model: a text in strands, a memory that is carried on, and a pen."""

import sys

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import optim
from tinygrad_lite.examples import charlm


def test_strands_and_chunks_hold_the_text_in_order(monkeypatch):
    monkeypatch.setattr(charlm, "CHUNK", 4)
    text = np.arange(23)
    strands = charlm.strands(text, 2)
    np.testing.assert_array_equal(strands, [np.arange(11), np.arange(11, 22)])
    model = charlm.CharLM(23, 8, 4)
    read = [(logits.numpy(), y.numpy()) for logits, y in charlm.chunks(model, strands)]
    assert [y.shape[1] for _, y in read] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([y for _, y in read], axis=1), strands[:, 1:])
    whole = model(tg.tensor(strands[:, :-1]))[0].swapaxes(1, 2).numpy()
    made = np.concatenate([logits for logits, _ in read], axis=2)
    np.testing.assert_allclose(made, whole, atol=1e-6)


def test_a_carried_state_reads_as_if_there_were_no_chunks():
    model, text = charlm.CharLM(5, 8, 4), np.random.default_rng(0).integers(0, 5, (3, 200))
    logits, _ = model(tg.tensor(text[:, :-1]))
    whole = F.cross_entropy(logits.swapaxes(1, 2), tg.tensor(text[:, 1:])).item() / np.log(2)
    assert charlm.bits(model, text) == pytest.approx(whole, rel=1e-5)


def test_the_gradient_ends_where_a_chunk_ends(monkeypatch):
    """One update over two chunks of a text is the sum of two that know nothing of each other."""
    tg.seed(0)
    monkeypatch.setattr(charlm, "CHUNK", 6)
    model, text = charlm.CharLM(5, 8, 4), np.arange(26).reshape(2, 13) % 5
    frozen = optim.SGD(model.parameters(), lr=0.0)  # learns nothing, so that gradients can be seen
    schedule = optim.schedules.Cosine(frozen, 100)
    charlm.learn(model, charlm.chunks(model, text), frozen, schedule)
    _, state = model(tg.tensor(text[:, :6]))
    state = tuple(tg.tensor(part.numpy()) for part in state)
    expected = [p.grad.numpy() for p in model.parameters()]
    frozen.zero_grad()
    logits, _ = model(tg.tensor(text[:, 6:12]), state)
    F.cross_entropy(logits.swapaxes(1, 2), tg.tensor(text[:, 7:])).backward()
    optim.clip_grad_norm_(model.parameters(), 1.0)
    for p, grad in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), grad, atol=1e-6)


def test_it_learns_a_pattern_and_writes_it():
    tg.seed(0)
    text = charlm.strands(np.tile([0, 1, 2, 3, 3, 1], 600), 8)
    model, steps = charlm.CharLM(4, 16, 4), 8
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    schedule = optim.schedules.Cosine(optimizer, 12 * steps)
    course = [
        charlm.learn(model, charlm.chunks(model, text), optimizer, schedule) for _ in range(12)
    ]
    assert course[-1] < 0.1 < 1.5 < course[0]
    assert charlm.bits(model, text) < 0.1
    assert model.write([0], 11, temperature=0.01) == [0, 1, 2, 3, 3, 1] * 2


def test_temperature():
    tg.seed(0)
    model = charlm.CharLM(6)
    assert len(set(model.write([0], 100, temperature=100.0))) == 6
    cold = {tuple(model.write([0], 20, temperature=1e-6)) for _ in range(3)}
    assert len(cold) == 1


def test_the_manual_is_english_and_says_what_it_is():
    text, source = charlm.manual()
    assert "pydoc_data" in source
    assert len(text) > 200_000
    assert " the " in text
    sections = text.split("\n\n")
    assert len(set(sections)) == len(sections)


def test_without_the_manual_another_text_is_read_and_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    text, source = charlm.manual()
    assert "NumPy" in source
    assert len(text) > 200_000


def test_a_run_on_a_short_text(monkeypatch, capsys):
    monkeypatch.setattr(charlm, "manual", lambda: ("The cat sat. " * 400, "cats"))
    score = charlm.main(epochs=2, plain=True)
    out = capsys.readouterr().out
    assert "5,200 characters, 9 different ones: cats" in out
    assert "\x1b" not in out
    scores = [float(line.split()[8]) for line in out.splitlines() if line.startswith("epoch")]
    assert scores[1] < scores[0]
    assert scores[1] == pytest.approx(score, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_learns_to_spell(seed):
    assert charlm.main(seed=seed, plain=True) < 2.1
