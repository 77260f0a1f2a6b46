"""Models on disk: safetensors, with the config that rebuilds the model in its metadata."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from tinygrad_lite.errors import CheckpointError
from tinygrad_lite.module import Module, build


def save(model: Module, path: str | os.PathLike[str]) -> None:
    """Write `model` to `path`, whole or not at all: beside it, flushed, then renamed.

    Raises:
        PluginError: the model's class, or that of a part given to it, has no plugin name.
        OSError: the disk refuses.
    """
    from safetensors.numpy import save as serialize

    metadata = {"config": json.dumps(model.config()), "format": "tinygrad_lite 1"}
    # safetensors writes the buffer as it lies in memory, whatever its order
    state = {name: np.ascontiguousarray(array) for name, array in model.state_dict().items()}
    content = serialize(state, metadata)
    target = Path(path)
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def load(path: str | os.PathLike[str]) -> Module:
    """Rebuild the model that `save` wrote to `path`.

    Raises:
        CheckpointError: the file is damaged, or was not written by `save`.
        PluginError: it needs a plugin that is not installed.
        FileNotFoundError: there is no such file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        config = json.loads(metadata["config"])
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: damaged, or no safetensors file ({error})\n  fix: use another copy of it"
        ) from error
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path}: holds tensors but not the config of a model\n"
            "  fix: build the model yourself, and load_state_dict(safetensors.numpy.load_file(...))"
        ) from error
    model = build(config)
    model.load_state_dict(state)
    return model
