"""All of it without the Trainer: ten lines that come to the same weights, bit for bit."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.train.hand import assert_same
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.data import DataLoader, digits
from tinygrad_lite.train import Trainer
from tinygrad_lite.train.metrics import Accuracy

EPOCHS, SAMPLES = 8, 200


@pytest.fixture(scope="module")
def images():
    train, test = digits()
    return train[:SAMPLES], test[:90]


def parts():
    """Return what both ways of training begin with."""
    tg.seed(0)
    model = layers.Sequential(
        layers.Flatten(), layers.Dense(64, 32), layers.ReLU(), layers.Dropout(0.2),
        layers.Dense(32, 10),
    )  # fmt: skip
    optimizer = optim.AdamW(optim.decay_groups(model, 0.05), lr=1e-2)
    schedule = optim.schedules.Cosine(optimizer, EPOCHS * 7)
    return model, optimizer, schedule, optim.EMA(model, decay=0.8)


def test_ten_lines_do_what_the_trainer_does(images, tmp_path):
    train, test = images

    model, optimizer, schedule, ema = parts()
    loader, accuracy = DataLoader(train, batch_size=32, shuffle=True, seed=1), Accuracy()
    for _ in range(EPOCHS):
        accuracy.reset()
        for x, y in loader:
            outputs = model(x)
            loss = F.cross_entropy(outputs, y)
            optimizer.zero_grad()
            loss.backward()
            optim.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            ema.update()
            accuracy.update(outputs.numpy(), y.numpy())
    with ema.applied():
        tg.save(model.eval(), tmp_path / "model.safetensors")

    other, optimizer, schedule, ema = parts()
    trainer = Trainer(
        other, optimizer, F.cross_entropy, ["accuracy"], schedule, clip_norm=1.0, ema=ema,
        display="off",
    )  # fmt: skip
    history = trainer.fit(DataLoader(train, 32, shuffle=True, seed=1), test, epochs=EPOCHS)

    assert_same(model, other)
    assert accuracy.value() == history["accuracy"][-1]
    kept = tg.load(tmp_path / "model.safetensors")
    with ema.applied():
        assert_same(kept, other)
    guesses = kept.eval()(test.x).numpy().argmax(axis=1)
    assert history["val_accuracy"][-1] == np.mean(guesses == test.y) > 0.6
