"""What fit returns."""

import pytest

import tinygrad_lite as tg
from tests.train.hand import blobs, trainer
from tinygrad_lite.train import EpochEnded, History


def test_it_gives_the_course_of_a_metric_and_the_best_epoch():
    epochs = [
        EpochEnded(i, {"loss": value}, lr=0.1, seconds=1.0, best=best)
        for i, value, best in ((1, 3.0, True), (2, 1.0, True), (3, 2.0, False))
    ]
    history = History(epochs)
    assert history["loss"] == [3.0, 1.0, 2.0]
    assert history.best is epochs[1]
    assert repr(history) == "History(3 epochs: loss=2)"
    assert repr(History(epochs[:1])).startswith("History(1 epoch: ")


def test_before_an_epoch_has_ended_there_is_nothing():
    ours = trainer()
    ours.callbacks.append(lambda event: ours.stop())
    history = ours.fit(blobs(8))
    assert (history["loss"], history.best, history.reason) == ([], None, "it was asked to")
    assert repr(history) == "History(0 epochs)"


def test_a_metric_that_was_not_measured():
    history = trainer(metrics=["accuracy"]).fit(blobs(8), epochs=1)
    with pytest.raises(
        tg.ArgumentError, match=r"'acuracy' was not measured\n[^$]*fix: [^$]*accuracy"
    ):
        history["acuracy"]
