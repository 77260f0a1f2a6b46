"""Models on disk: safetensors; the metadata holds the config that rebuilds the model, and a seal.

The seal is a SHA-256 over config and tensors, so that a damaged file is refused, even where the
damage would make another valid model.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from pathlib import Path

import numpy as np

from tinygrad_lite.errors import CheckpointError
from tinygrad_lite.module import Module, build

FORMAT = "tinygrad_lite 1"


def _seal(config: str, state: dict[str, np.ndarray]) -> str:
    """Return a hash of everything that a file holds."""
    digest = hashlib.sha256(config.encode())
    for name in sorted(state):
        digest.update(f"{name} {state[name].dtype} {state[name].shape} ".encode())
        digest.update(state[name].tobytes())
    return digest.hexdigest()


def save(model: Module, path: str | os.PathLike[str]) -> None:
    """Write `model` to `path`, whole or not at all: beside it, flushed, then renamed.

    Raises:
        PluginError: the model's class, or that of a part given to it, has no plugin name.
        CheckpointError: an argument that the model was made with is no JSON.
        OSError: the disk refuses.
    """
    from safetensors.numpy import save as serialize

    try:
        config = json.dumps(model.config())
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: the arguments of {type(model).__name__} cannot be written down ({error})\n"
            "  fix: make the model from numbers, text and registered layers"
        ) from error
    # safetensors writes the buffer as it lies in memory, whatever its order
    state = {name: np.asarray(array, order="C") for name, array in model.state_dict().items()}
    metadata = {"format": FORMAT, "config": config, "sha256": _seal(config, state)}
    content = serialize(state, metadata)
    target = Path(path)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with open(beside, "xb") as file:
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
        config, seal = metadata["config"], metadata["sha256"]
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: damaged, or no safetensors file ({error})\n  fix: use another copy of it"
        ) from error
    except KeyError as error:
        raise CheckpointError(
            f"{path}: holds tensors but not the config of a model\n"
            "  fix: build the model yourself, and load_state_dict(safetensors.numpy.load_file(...))"
        ) from error
    if metadata.get("format") != FORMAT or _seal(config, state) != seal:
        raise CheckpointError(
            f"{path}: damaged: the contents are not those that were saved\n"
            "  fix: use another copy of it"
        )
    model = build(json.loads(config))
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if name in state:
            tensor.data = tensor.data.astype(state[name].dtype)
    model.load_state_dict(state)
    return model
