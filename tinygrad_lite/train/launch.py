"""What the command line starts: the folder of each run, and what it was started with."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tinygrad_lite.errors import CheckpointError
from tinygrad_lite.storage import write_file

FILE = "run.json"
HOME = "runs"
VARIABLE = "TINYGRAD_LITE_RUNS"


@dataclass
class Launch:
    """What a run of the command line was started with.

    Attributes:
        name: what was run: a model, or the path of a file.
        settings: the options, by name.
        is_done: whether it came to its end.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    is_done: bool = False

    def write(self, folder: Path) -> None:
        """Write this into a folder, which is made if there is none.

        Raises:
            OSError: the disk refuses.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / FILE, json.dumps(asdict(self), indent=2).encode())


def home() -> Path:
    """Return the folder of all runs: what TINYGRAD_LITE_RUNS says, or ./runs."""
    return Path(os.environ.get(VARIABLE) or HOME)


def new_folder(name: str) -> Path:
    """Return a folder for a run that no other has had: of `cnn`, cnn-1, cnn-2, ..."""
    label, number = Path(name).stem, 1
    while (folder := home() / f"{label}-{number}").exists():
        number += 1
    return folder


def kept_in(folder: str | None, part: str) -> Path | None:
    """Return where a part of a run is kept, one of several networks; None if nothing is."""
    return None if folder is None else Path(folder) / part


def read(folder: Path) -> Launch:
    """Return what a run was started with.

    Raises:
        CheckpointError: there is no such run, or what was written down is damaged.
    """
    try:
        return Launch(**json.loads((folder / FILE).read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{folder} holds no run of the command line ({type(error).__name__})\n"
            "  fix: look them up with `tinygrad-lite runs`"
        ) from error


def withdraw(folder: Path) -> None:
    """Forget a run that failed before anything of it was kept."""
    if [file.name for file in folder.iterdir()] == [FILE]:
        (folder / FILE).unlink()
        folder.rmdir()


def unfinished(name: str) -> Path | None:
    """Return the folder of the latest run of `name` that did not come to its end, if any."""
    mine = []
    for file in home().glob(f"*/{FILE}"):
        try:
            launch = read(file.parent)
        except CheckpointError:
            continue
        if launch.name == name and not launch.is_done:
            mine.append(file)
    return max(mine, key=lambda file: file.stat().st_mtime_ns).parent if mine else None


def resume_command(folder: Path, diverged: bool = False) -> str:
    """Return what to type to go on with a run.

    Args:
        folder: where its Trainer keeps its state.
        diverged: whether it needs another learning rate, to be filled in.
    """
    for run in (folder, *folder.parents[:2]):
        try:
            launch = read(run)
        except CheckpointError:  # there is none, or a file of that name of somebody else's
            continue
        which = [] if unfinished(launch.name) == run else [str(run)]
        command = shlex.join(["tinygrad-lite", "run", launch.name, "--resume", *which])
        return command + (" --lr ..." if diverged and "lr" in launch.settings else "")
    return f"fit(..., resume={str(folder)!r}{', lr=...' if diverged else ''})"
