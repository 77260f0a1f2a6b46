"""What all logs have in common: no disk stops a training."""

import errno
import logging
import os

import pytest

from tests.train.logs.story import run, started, steps, tell
from tinygrad_lite.train import FitEnded
from tinygrad_lite.train.logs import CSV, JSONL, log, read


@pytest.mark.parametrize("kind", [JSONL, CSV])
def test_a_path_that_cannot_be_written_is_told_once(kind, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    tell(kind(tmp_path / "file" / "log"), run())
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.name == "tinygrad_lite"
    assert f"{kind.__name__}: {tmp_path / 'file' / 'log'} cannot be written" in record.message
    assert "the training goes on without this log" in record.message


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is always full")
def test_a_disk_that_fills_up_ends_the_log_and_not_the_training(tmp_path, caplog):
    path = tmp_path / "log.jsonl"
    write = JSONL(path)
    write(started())
    path.rename(tmp_path / "kept")
    path.symlink_to("/dev/full")
    tell(write, [*steps(), FitEnded(False, 1.0)])
    (record,) = caplog.records
    assert "No space left on device" in record.message


def test_the_next_run_is_logged_again(tmp_path, monkeypatch, caplog):
    def refuse(path, content):
        raise OSError(errno.EROFS, "Read-only file system")

    write = JSONL(tmp_path / "log.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr("tinygrad_lite.train.logs.jsonl.replace", refuse)
        tell(write, run())
    assert not write.path.exists()
    tell(write, run(epochs=2))
    assert len(read(write.path).epochs) == 2
    assert len(caplog.records) == 1


def test_a_log_that_was_deleted_is_not_begun_in_the_middle(tmp_path, caplog):
    path = tmp_path / "log.jsonl"
    write = JSONL(path)
    write(started())
    path.unlink()
    tell(write, [*steps(), FitEnded(False, 1.0)])
    assert not path.exists()
    assert len(caplog.records) == 1


def test_folders_on_the_way_are_made_wherever_the_program_goes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write = JSONL("runs/a/log.jsonl")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    tell(write, run())
    assert read(tmp_path / "runs" / "a").state == "finished"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    log.replace(path, b"old")

    def refuse(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        log.replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_nothing_is_written_before_a_run_begins(tmp_path):
    JSONL(tmp_path / "log.jsonl")
    CSV(tmp_path / "log.csv")
    assert not [*tmp_path.iterdir()]
