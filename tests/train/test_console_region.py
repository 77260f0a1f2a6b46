"""The region below everything printed: what terminals show, and what is left of it."""

import functools
import io
import logging
import os
import pdb
import re
import signal
import sys
import threading

import pytest
from rich.console import Console, ConsoleDimensions

from tests.train.recorded import Clock, Terminal, run, started
from tinygrad_lite.train import EpochEnded, StepEnded
from tinygrad_lite.train.console import Live, Plain, Region, console, is_live
from tinygrad_lite.train.console.lines import piece
from tinygrad_lite.train.console.region import _active, is_open

SIGTSTP = getattr(signal, "SIGTSTP", None)
has_stops = pytest.mark.skipif(SIGTSTP is None, reason="no Ctrl-Z here")


@pytest.fixture
def terminal():
    return Terminal(60, 20)


@pytest.fixture
def region(terminal):
    return Region(Console(file=terminal, force_terminal=True))


def in_terminal(test):
    """Run a test with the terminal in the place of standard output and error, the region open."""

    @functools.wraps(test)
    def run_there(terminal, **others):
        def size(console):
            return ConsoleDimensions(terminal.width, terminal.height)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            patch.setattr(sys, "stderr", terminal)
            patch.setattr(Console, "size", property(size))
            try:
                if "region" in others:
                    others["region"].start()
                test(terminal, **others)
            finally:
                while _active:
                    _active[-1].close()

    return run_there


def lines(*texts):
    return [[piece(text)] for text in texts]


@in_terminal
def test_frames_replace_one_another(terminal, region):
    for frame in (["one", "two", "three"], ["four"], [], ["five", "six"]):
        region.draw(lines(*frame))
        assert terminal.text == "\n".join(frame)


@in_terminal
def test_what_is_printed_stands_above(terminal, region):
    region.draw(lines("bar"))
    print("first")
    print("second", file=sys.stderr)
    sys.stdout.writelines(["thi", "rd\n"])
    Console().print("[bold]3.5")
    region.later(lambda width, height: lines("fourth"))
    region.draw(lines("bar", "two lines now"))
    assert terminal.text == "first\nsecond\nthird\n3.5\nfourth\nbar\ntwo lines now"


@in_terminal
def test_what_waits_is_printed_before_what_comes_later(terminal, region):
    region.later(lambda width, height: lines("row"))
    print("print")
    assert terminal.text == "row\nprint\n"


@in_terminal
def test_a_line_without_end_is_shown_and_completed(terminal, region):
    region.draw(lines("bar"))
    for part in ("a", "b", "c"):
        print(part, end="")
        region.draw(lines("bar"))
    assert terminal.text == "abc\nbar"
    print("\rd")
    assert terminal.text == "d\nbar"
    print("rest", end="")
    region.close()
    assert terminal.text == "d\nrest"


@in_terminal
def test_a_tool_that_redraws_its_line_may_go_on(terminal, region):
    for i in range(100):
        sys.stderr.write(f"\rdone {i}")
        region.draw(lines("bar"))
    assert terminal.text == "done 99\nbar"


@in_terminal
def test_logging_goes_above_and_its_handlers_are_given_back(terminal):
    held = logging.StreamHandler(sys.stderr)
    others = io.StringIO()
    elsewhere = logging.StreamHandler(others)
    logger = logging.getLogger("tests.region")
    logger.handlers, logger.propagate = [held, elsewhere], False
    try:
        region = Region(Console(file=terminal, force_terminal=True))
        region.start()
        region.draw(lines("bar"))
        logger.warning("careful")
        assert terminal.text == "careful\nbar"
        region.close()
        assert held.stream is terminal
        assert others.getvalue() == "careful\n"
        logger.warning("after")
        assert terminal.text == "careful\nafter\n"
    finally:
        logger.handlers = []


@in_terminal
def test_everything_is_given_back(terminal):
    before = (sys.stdout, sys.stderr, pdb.Pdb.interaction, SIGTSTP and signal.getsignal(SIGTSTP))
    with pytest.raises(ValueError, match="mine"), console("live") as listener:  # noqa: PT012
        assert is_open()
        assert not terminal.cursor_shown
        assert sys.stdout is not terminal
        listener(started())
        listener(EpochEnded(1, {"loss": 1.0}, 1e-3, 1.0, False))
        raise ValueError("mine")
    after = (sys.stdout, sys.stderr, pdb.Pdb.interaction, SIGTSTP and signal.getsignal(SIGTSTP))
    assert after == before
    assert terminal.cursor_shown
    assert not is_open()
    assert "1049" not in terminal.written  # no other screen
    assert re.search(r"\n +1 +1\.0000", terminal.text)  # what was known is still printed
    assert terminal.text.endswith("\n")


@in_terminal
def test_what_was_redirected_still_writes_afterwards(terminal, region):
    kept = sys.stdout
    region.close()
    kept.write("late")
    assert terminal.text == "late"


@pytest.mark.parametrize("widths", [(100, 60, 40, 20, 100), (40, 15, 40)])
@in_terminal
def test_a_terminal_that_became_narrower_has_no_debris(terminal, region, widths):
    terminal.width = widths[0]
    for width in widths:
        if width < terminal.width:
            terminal.narrow(width)
        terminal.width = width
        frame = ["x" * (width - 1)] * 3
        region.draw(lines(*frame))
        assert terminal.text == "\n".join(frame)


@pytest.mark.parametrize("size", [(200, 50), (100, 30), (60, 20), (40, 15), (20, 5)])
@in_terminal
def test_a_whole_run_leaves_its_table_and_its_result(terminal, size):
    terminal.width, terminal.height = size
    clock = Clock()
    region = Region(Console(file=terminal, force_terminal=True))
    live = Live(region, clock)
    region.start()
    for event in run(clock):
        live(event)
        live.draw()
        if isinstance(event, StepEnded):
            print("mine", event.epoch, event.step)
    region.close()
    text = terminal.text
    assert text.count("mine") == 20
    assert len(re.findall(r"^ +[1-4] +\d", text, re.MULTILINE)) == 4
    assert text.count("finished in") == 1
    assert not re.search(r"run\b.*%|samples/s|eta", text)  # of the display nothing is left
    assert text.count("epochs ─") <= 2  # but its curves, once


@in_terminal
def test_a_debugger_suspends_it(terminal, monkeypatch):
    talk = []

    class Debugger(pdb.Pdb):
        def _cmdloop(self):
            talk.append((terminal.text, terminal.cursor_shown, sys.stdout is terminal))
            print("(debugger)")

        cmdloop = _cmdloop

    paused = []
    region = Region(Console(file=terminal, force_terminal=True), paused.append)
    region.start()
    region.draw(lines("bar"))
    sys.stdout.write("unfinished")
    debugger = Debugger(stdin=io.StringIO(), stdout=io.StringIO())
    debugger.reset()
    debugger.interaction(sys._getframe(), None)
    assert talk == [("unfinished", True, True)]
    assert sys.stdout is not terminal
    region.draw(lines("bar"))
    assert terminal.text.endswith("(debugger)\nbar")
    assert not terminal.cursor_shown
    assert len(paused) == 1
    region.close()


@in_terminal
def test_nothing_is_drawn_while_it_is_suspended(terminal, region):
    with region.suspended(), region.suspended():
        region.draw(lines("bar"))
        print("free")
    assert terminal.text == "free\n"
    region.draw(lines("bar"))
    assert terminal.text == "free\nbar"


@has_stops
@in_terminal
def test_ctrl_z_gives_the_terminal_back_meanwhile(terminal, region, monkeypatch):
    region.draw(lines("bar"))
    seen = []
    monkeypatch.setattr(
        os, "kill", lambda *a: seen.append((a[1], terminal.text, terminal.cursor_shown))
    )
    signal.raise_signal(SIGTSTP)
    assert seen == [(signal.SIGTSTP, "", True)]
    region.draw(lines("bar"))
    assert terminal.text == "bar"


@has_stops
@in_terminal
def test_a_thread_that_opens_it_leaves_signals_alone(terminal):
    def work():
        with console("live") as listener:
            listener(started())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert signal.getsignal(SIGTSTP) == signal.SIG_DFL
    assert terminal.cursor_shown


@in_terminal
def test_a_forked_child_writes_to_the_terminal_itself(terminal, region, monkeypatch):
    region.draw(lines("bar"))
    monkeypatch.setattr(os, "getpid", lambda: -1)
    print("child")
    assert terminal.written.endswith("child\n")
    assert not region.here


@in_terminal
def test_characters_that_the_terminal_lacks_are_replaced(terminal):
    terminal.encoding = "cp1252"
    region = Region(Console(file=terminal, force_terminal=True))
    region.start()
    region.draw(lines("层 1 ü"))
    assert terminal.text == "? 1 ü"
    region.close()
    terminal.written.encode("cp1252")


@in_terminal
def test_a_run_in_a_run_is_plain(terminal):
    with console("auto") as outer, console("live") as inner:
        assert isinstance(outer, Live) is is_live()
        assert isinstance(inner, Plain) or not is_live()


@in_terminal
def test_a_display_that_fails_says_so_and_the_training_goes_on(terminal, monkeypatch):
    monkeypatch.setattr("tinygrad_lite.train.console.live.INTERVAL", 0.01)
    said = threading.Event()

    def fail(self, width, height):
        said.set()
        raise ZeroDivisionError("drawn badly")

    monkeypatch.setattr("tinygrad_lite.train.console.dashboard.Dashboard.frame", fail)
    with console("live") as listener:
        listener(started())
        assert said.wait(10)
        listener(EpochEnded(1, {"loss": 1.0}, 1e-3, 1.0, False))
    assert "the display failed, the training goes on: ZeroDivisionError('drawn badly')" in (
        " ".join(terminal.text.split())
    )
    assert re.search(r"\n +1 +1\.0000", terminal.text)


@in_terminal
def test_a_terminal_that_went_away_does_not_end_the_training(terminal, monkeypatch):
    monkeypatch.setattr("tinygrad_lite.train.console.live.INTERVAL", 0.01)
    live = Live(Region(Console(file=terminal, force_terminal=True)))
    gone = threading.Event()

    def refuse(text):
        gone.set()
        raise OSError(5, "Input/output error")

    with live:
        live(started())
        monkeypatch.setattr(terminal, "write", refuse)
        assert gone.wait(10)
        live._thread.join(10)
        assert not live._thread.is_alive()
        live(StepEnded(1, 1, 1.0, 1e-3, 32))


@in_terminal
def test_it_moves_during_a_long_step(terminal, monkeypatch):
    monkeypatch.setattr("tinygrad_lite.train.console.live.INTERVAL", 0.01)
    drawn = threading.Semaphore(0)
    draw = Region.draw
    monkeypatch.setattr(Region, "draw", lambda *a: (draw(*a), drawn.release()))
    with console("live") as listener:
        listener(started())
        for _ in range(3):
            assert drawn.acquire(timeout=10)
    assert terminal.written.count("step 0/5") >= 2
