"""CSV: a row an epoch, of this run only."""

import csv

from tests.train.logs.story import epoch_ended, run, small_trainer, started, tell, use
from tinygrad_lite.train import EpochEnded, StepEnded
from tinygrad_lite.train.logs import CSV


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return [*csv.DictReader(file)]


def test_a_row_an_epoch_below_a_header(tmp_path):
    log = CSV(tmp_path / "epochs.csv")
    events = run()
    log(next(events))
    assert not log.path.exists()
    seen = 0
    for event in events:
        log(event)
        seen += isinstance(event, EpochEnded)
        if seen:
            assert len(rows(log.path)) == seen  # at once
    assert log.path.read_text().splitlines()[:2] == [
        "epoch,loss,accuracy,val_loss,val_accuracy,lr,seconds,waiting,total,best",
        "1,1.0,0.5,1.5,0.75,0.01,0.25,0.125,4,1",
    ]
    assert [row["best"] for row in rows(log.path)] == ["1", "1", "0"]


def test_a_new_run_replaces_the_table_and_a_resumed_one_goes_on(tmp_path):
    path = tmp_path / "epochs.csv"
    tell(CSV(path), run(epochs=3))
    tell(CSV(path), run(epochs=4, done=6))  # in the middle of the second epoch
    assert [row["epoch"] for row in rows(path)] == ["1", "2", "3", "4"]
    tell(CSV(path), [started(done=8)])
    assert [row["epoch"] for row in rows(path)] == ["1", "2"]
    tell(CSV(path), [started(done=2)])
    assert not path.exists()
    tell(CSV(path), run(epochs=1))
    assert [row["epoch"] for row in rows(path)] == ["1"]


def test_a_metric_that_comes_later_gets_a_column(tmp_path):
    log = CSV(tmp_path / "epochs.csv")
    later = EpochEnded(2, {"loss": 0.5, 'odd, "name"': 3.0}, 1e-2, 1.0, False)
    tell(log, [started(), epoch_ended(1), later, epoch_ended(3)])
    table = rows(log.path)
    assert [row['odd, "name"'] for row in table] == ["", "3.0", ""]
    assert [row["val_loss"] for row in table] == ["1.5", "", "1.5"]


def test_steps_cost_nothing(tmp_path):
    log = CSV(tmp_path / "epochs.csv")
    tell(log, [started(), StepEnded(1, 1, 0.5, 1e-3, 1, 1)])
    assert not log.path.exists()


def test_a_real_training_is_tabled(tmp_path):
    trainer, data = small_trainer()
    use(trainer, CSV(tmp_path / "epochs.csv"))
    history = trainer.fit(data, data, epochs=3, batch_size=16)
    table = rows(tmp_path / "epochs.csv")
    assert [float(row["val_accuracy"]) for row in table] == history["val_accuracy"]
