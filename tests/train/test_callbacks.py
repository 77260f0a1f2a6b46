"""What callbacks may do: look on, take part, and let a run end."""

import pytest

import tinygrad_lite as tg
from tests.train.hand import assert_same, blobs, net, trainer
from tinygrad_lite import functional as F
from tinygrad_lite.data import DataLoader
from tinygrad_lite.train import (
    BatchValidated,
    Callback,
    EpochEnded,
    FitEnded,
    FitStarted,
    LayersMeasured,
    StepEnded,
)


class StopAt(Callback):
    """Ends the run at the first event of a kind, in an epoch."""

    def __init__(self, kind, epoch=1):
        self.kind, self.epoch = kind, epoch

    def __call__(self, event):
        if isinstance(event, self.kind) and getattr(event, "epoch", 1) == self.epoch:
            self.trainer.stop(f"that was a {self.kind.__name__}")


@pytest.mark.parametrize(
    ("kind", "epoch", "steps", "validations", "epochs"),
    [
        (FitStarted, 1, 0, 0, 0),
        (StepEnded, 1, 1, 0, 0),
        (LayersMeasured, 1, 1, 0, 0),
        (StepEnded, 2, 4, 2, 1),
        (BatchValidated, 2, 6, 3, 1),
        (EpochEnded, 2, 6, 4, 2),
    ],
)
def test_a_callback_ends_the_run_after_the_step(kind, epoch, steps, validations, epochs):
    seen = []
    ours = trainer(callbacks=[StopAt(kind, epoch), seen.append])
    val = DataLoader(blobs(8), batch_size=4)
    history = ours.fit(blobs(12), val, epochs=5, batch_size=4)
    count = lambda wanted: sum(isinstance(event, wanted) for event in seen)
    assert (count(StepEnded), count(BatchValidated), count(EpochEnded)) == (
        steps,
        validations,
        epochs,
    )
    assert len(history.epochs) == epochs
    assert history.reason == seen[-1].reason == f"that was a {kind.__name__}"
    assert not history.interrupted


def test_what_stopped_one_run_does_not_stop_the_next():
    ours = trainer(callbacks=[stop := StopAt(StepEnded)])
    ours.fit(blobs(8), epochs=2)
    ours.callbacks.remove(stop)
    assert len(ours.fit(blobs(8), epochs=2).epochs) == 2


def test_callbacks_are_called_in_their_order_with_every_event():
    seen = []

    class Looker(Callback):
        def __call__(self, event):
            seen.append((2, event))

    ours = trainer(callbacks=[lambda event: seen.append((1, event)), Looker()])
    ours.fit(blobs(8), epochs=1)
    assert [number for number, _ in seen] == [1, 2] * (len(seen) // 2)
    assert [event for number, event in seen if number == 1] == [e for n, e in seen if n == 2]
    assert isinstance(seen[0][1], FitStarted)
    assert isinstance(seen[-1][1], FitEnded)


def test_a_callback_may_measure_and_change_the_rate_meanwhile():
    """Evaluating within an epoch leaves the model in evaluation mode; the next step must not."""
    tg.seed(0)
    data = blobs(12)

    class Meddler(Callback):
        def __call__(self, event):
            if isinstance(event, StepEnded):
                self.trainer.evaluate(data)
                self.trainer.optimizer.lr *= 0.5

    modes = []

    class Mode(tg.Module):
        def __init__(self):
            self.net = net()

        def forward(self, x):
            modes.append((self.training, self.net.training))
            return self.net(x)

    ours = trainer(Mode(), lr=0.4, callbacks=[Meddler()])
    ours.fit(DataLoader(data, batch_size=4), epochs=1)
    assert modes[1:] == [(True, True), (False, False)] * 3  # after the call for the summary

    expected = net()
    for i, lr in enumerate((0.4, 0.2, 0.1)):
        x, y = data.x[4 * i : 4 * i + 4], data.y[4 * i : 4 * i + 4]
        expected.zero_grad()
        F.cross_entropy(expected(x), y).backward()
        for p in expected.parameters():
            p.data = p.data - lr * p.grad.data
    assert_same(ours.model.net, expected, rtol=1e-6, atol=1e-7)


def test_an_error_in_a_callback_is_passed_on_and_the_run_says_how_it_ended():
    seen = []

    def fail(event):
        if isinstance(event, StepEnded):
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        trainer(callbacks=[seen.append, fail]).fit(blobs(8), epochs=1)
    assert isinstance(seen[-1], FitEnded)
    assert seen[-1].reason == "ValueError: no more"


def test_a_callback_without_a_call():
    with pytest.raises(NotImplementedError, match="Nothing defines no __call__"):
        trainer(callbacks=[type("Nothing", (Callback,), {})()]).fit(blobs(8), epochs=1)


def test_a_callback_remembers_nothing_unless_it_says_so():
    callback = StopAt(StepEnded)
    assert callback.state_dict() == {}
    callback.load_state_dict({})
