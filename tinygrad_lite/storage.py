"""Files that are whole or not there at all; and states, which are verified when they are read.

A state is a nested dict of numbers, text, lists and arrays. On the disk it is a folder of three
files: the arrays (safetensors), all else (JSON), and a manifest with their sizes and SHA-256.
Folders and files are written beside their place, flushed, and renamed. Nothing in them is ever
executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.errors import CheckpointError

FORMAT = "tinygrad_lite state 1"
_UNREADABLE = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
ARRAYS, REST, MANIFEST = "arrays.safetensors", "rest.json", "manifest.json"
_RESERVED = "__metadata__"  # by safetensors
_ARRAY = "$array"  # {"$array": name} stands in the JSON where an array was
_NUMBERS = frozenset(map(np.dtype, "?bhilqBHILQefd"))  # those that safetensors has


def write_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file, whole or not at all: beside its place, flushed, then renamed.

    Raises:
        OSError: the disk refuses; then what was at `path` still is.
    """
    target = Path(path)
    beside = _beside(target)
    try:
        _write(beside, content)
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    _flush(target.parent)


def write_state(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write a state to a new folder `path`, whole or not at all.

    Raises:
        CheckpointError: something in the state is neither a number, text, None, an array of
            numbers, nor a list of those or a dict of them by text.
        OSError: the disk refuses, or there is something at `path`.
    """
    target = Path(path)
    arrays: dict[str, np.ndarray] = {}
    try:
        rest = json.dumps(_pack(state, str(target), "", arrays)).encode()
        "".join(arrays).encode()  # whose names may be no text that can be written
    except (ValueError, RecursionError) as error:  # a huge number, a list that holds itself
        raise CheckpointError(f"{target}: the state cannot be written down ({error})") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(target)
    try:
        beside.mkdir()
        _write_arrays(beside / ARRAYS, arrays)
        _write(beside / REST, rest)
        files = {name: _fingerprint(beside / name) for name in (ARRAYS, REST)}
        _write(beside / MANIFEST, _canonical({"format": FORMAT, "files": files}))
        _flush(beside)
        os.rename(beside, target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    _flush(target.parent)


def read_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the state that `write_state` wrote to `path`; lists stand where tuples were.

    Raises:
        CheckpointError: it is damaged, or is none.
        FileNotFoundError: there is no such folder.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    folder = Path(path)
    if not folder.exists():
        raise FileNotFoundError(f"there is no checkpoint at {folder}")
    for name, saved in _read_manifest(folder).items():
        if not (folder / name).is_file() or _fingerprint(folder / name) != saved:
            raise damaged(folder / name, "it is not what was saved")
    try:
        state = _unpack(json.loads((folder / REST).read_bytes()), load_file(folder / ARRAYS))
    except (*_UNREADABLE, SafetensorError) as error:  # though the manifest is of this file
        raise damaged(folder, f"it is none of our checkpoints ({type(error).__name__})") from error
    if not isinstance(state, dict):
        raise damaged(folder, "it is none of our checkpoints")
    return state


def is_state(path: str | os.PathLike[str]) -> bool:
    """Tell whether `path` is a folder that `write_state` wrote, be it damaged since."""
    return any((Path(path) / name).is_file() for name in (ARRAYS, REST, MANIFEST))


def delete(path: str | os.PathLike[str]) -> None:
    """Delete a state so that no moment shows half of it."""
    out_of_sight = _beside(Path(path))
    os.replace(path, out_of_sight)
    shutil.rmtree(out_of_sight)


def sweep(folder: Path) -> None:
    """Delete what a process that was killed left in `folder` half written or half deleted."""
    for leftover in folder.glob(".*.beside"):
        with contextlib.suppress(OSError):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def damaged(path: str | os.PathLike[str], why: str) -> CheckpointError:
    """Return the error that says that a file is not to be trusted."""
    return CheckpointError(
        f"{path}: damaged: {why}\n  fix: use another checkpoint, or a copy of it"
    )


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.beside")


def _flush(path: Path) -> None:
    """Have the system bring a file, or the names in a folder, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, content: bytes) -> None:
    """Write a new file, and have the system bring it to the disk."""
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _fingerprint(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _canonical(value: Any) -> bytes:
    """Return the one way to write `value` as JSON, so that any other byte is damage."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        save_file(arrays, path)
    except SafetensorError as error:  # the disk is full, or the like
        raise OSError(str(error)) from error
    _flush(path)


def _read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
        manifest = json.loads(content)
        files, known = manifest["files"], manifest["format"] == FORMAT
        whole = content == _canonical(manifest) and files.keys() == {ARRAYS, REST}
    except (*_UNREADABLE, OSError) as error:
        raise damaged(path, f"it cannot be read ({type(error).__name__})") from error
    if not (whole and known):
        raise damaged(path, "it is no manifest" if known else f"its format is not {FORMAT!r}")
    return files  # type: ignore[no-any-return]


def _pack(value: Any, subject: str, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """Return `value` as JSON knows it; its arrays go to `arrays`, under dotted paths."""
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str) or name == _ARRAY:
                raise _unfit(subject, f"{path or 'the state'} has the key {name!r}")
        return {
            name: _pack(item, subject, f"{path}.{name}" if path else name, arrays)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_pack(item, subject, f"{path}.{i}", arrays) for i, item in enumerate(value)]
    if isinstance(value, np.ndarray) and value.dtype.newbyteorder("=") in _NUMBERS:
        while path in arrays or path == _RESERVED:
            path += "'"
        arrays[path] = in_order(value)
        return {_ARRAY: path}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    kind = (
        f"an array of {value.dtype}"
        if isinstance(value, np.ndarray)
        else f"a {type(value).__name__}"
    )
    raise _unfit(subject, f"{path} is {kind}")


def _unfit(subject: str, problem: str) -> CheckpointError:
    return CheckpointError(
        f"{subject}: {problem}, which cannot be written down\n"
        "  fix: keep numbers, text, arrays of numbers, and lists and dicts of those in a state"
    )


def in_order(array: np.ndarray) -> np.ndarray:
    """Return an array in C order, little end first: safetensors writes memory as it lies."""
    return np.asarray(array, array.dtype.newbyteorder("<"), order="C")


def _unpack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {name: _unpack(item, arrays) for name, item in value.items()}
    return [_unpack(item, arrays) for item in value] if isinstance(value, list) else value
