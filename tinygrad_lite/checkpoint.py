"""Models on disk: safetensors; the metadata holds the config that rebuilds the model, and a seal.

The seal is the SHA-256 of all of the file, itself taken as zeros. So a damaged file is refused,
even where the damage would make another valid model.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_lite import plugins
from tinygrad_lite.errors import BrokenPluginError, CheckpointError, PluginError
from tinygrad_lite.module import Module, build
from tinygrad_lite.storage import damaged, in_order, is_state, read_state, write_file

FORMAT = "tinygrad_lite 2"
_UNSEALED = "0" * 64


def save(model: Module, path: str | os.PathLike[str]) -> None:
    """Write `model` to `path`, whole or not at all: beside it, flushed, then renamed.

    Raises:
        PluginError: the model's class, or that of a part given to it, has no plugin name.
        CheckpointError: an argument that the model was made with is no JSON.
        OSError: the disk refuses.
    """
    write_file(path, _sealed(describe(model, str(path)), model.state_dict()))


def save_arrays(model: Module, arrays: dict[str, np.ndarray], path: str | os.PathLike[str]) -> None:
    """Write `arrays`, of the names that `model` has, so that `load` rebuilds the model with them.

    If it has no plugin name to be rebuilt by, there will be no more than the arrays.

    Raises:
        OSError: the disk refuses.
    """
    write_file(path, _sealed(describe_if_possible(model), arrays))


def load(path: str | os.PathLike[str]) -> Module:
    """Rebuild the model that `save`, or a Trainer's checkpoint, wrote to `path`.

    Raises:
        CheckpointError: the file is damaged, or was not written by `save`.
        PluginError: it needs a plugin that is not installed; the error names its package.
        FileNotFoundError: there is no such file.
    """
    if is_state(path):
        saved = read_state(path)
        about, arrays = saved.get("about", {}), saved.get("model", {})
    else:
        about, arrays = read(path)
    if "config" not in about:
        raise CheckpointError(
            f"{path}: holds tensors but not the config of a model\n"
            "  fix: build the model yourself, and load_state_dict(safetensors.numpy.load_file(...))"
        )
    return _rebuild(about, arrays)


def describe(model: Module, subject: str) -> dict[str, str]:
    """Return what rebuilds a model, and the packages that are needed for it, both as JSON.

    Raises:
        PluginError: the model's class, or that of a part given to it, has no plugin name.
        CheckpointError: an argument that the model was made with is no JSON.
    """
    config = model.config()
    try:
        return {"config": json.dumps(config), "packages": json.dumps(dict(_packages(config)))}
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{subject}: the arguments of {type(model).__name__} cannot be written down ({error})\n"
            "  fix: make the model from numbers, text and registered layers"
        ) from error


def describe_if_possible(model: Module) -> dict[str, str]:
    """Return what `describe` does; nothing for a model that has no name to be rebuilt by."""
    try:
        return describe(model, "")
    except (PluginError, CheckpointError):
        return {}


def _sealed(about: Mapping[str, str], state: dict[str, np.ndarray]) -> bytes:
    from safetensors.numpy import save as serialize

    metadata = {"format": FORMAT, "sha256": _UNSEALED, **about}
    content = serialize({name: in_order(array) for name, array in state.items()}, metadata)
    return _with_seal(content, _UNSEALED, hashlib.sha256(content).hexdigest())


def _with_seal(content: bytes, old: str, new: str) -> bytes:
    return content.replace(f'"sha256":"{old}"'.encode(), f'"sha256":"{new}"'.encode(), 1)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Return the metadata and the arrays of a file, if they are those that were saved.

    Raises:
        CheckpointError: they are not, or it is no such file.
        FileNotFoundError: there is none.
    """
    from safetensors import SafetensorError, safe_open

    if os.path.isdir(path):
        raise CheckpointError(
            f"{path}: a folder that is no checkpoint\n"
            "  fix: name a file that was saved, or a folder in the `checkpoints` of a run"
        )
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise damaged(path, f"or no safetensors file ({error})") from error
    if "config" in metadata or "sha256" in metadata:
        seal = metadata.get("sha256", "")
        with open(path, "rb") as file:
            content = _with_seal(file.read(), seal, _UNSEALED)
        if metadata.get("format") != FORMAT or hashlib.sha256(content).hexdigest() != seal:
            raise damaged(path, "the contents are not those that were saved")
    return metadata, arrays


def _packages(config: Any) -> Iterator[tuple[str, str]]:
    """Yield the plugins that a config names and that others provide, each with its package."""
    if isinstance(config, list):
        for item in config:
            yield from _packages(item)
    elif isinstance(config, dict):
        if isinstance(name := config.get("name"), str):
            registry = plugins.models if config.get("kind") == "models" else plugins.layers
            if name in registry and (package := registry.plugin(name).package) != "tinygrad_lite":
                yield name, _with_version(package)
        for item in config.values():
            yield from _packages(item)


def _with_version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:  # a module of the user's own
        return package


def _rebuild(about: Mapping[str, str], state: dict[str, np.ndarray]) -> Module:
    packages = json.loads(about.get("packages", "{}"))
    try:
        model = build(json.loads(about["config"]))
    except BrokenPluginError:
        raise
    except PluginError as error:
        absent = {p for name, p in packages.items() if name not in _known()}
        if not absent:
            raise
        needs = ", ".join(sorted(absent))
        raise PluginError(
            f"{error}\n  it came from: {needs}\n  fix: install or import that"
        ) from error
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if name in state:
            tensor.data = tensor.data.astype(state[name].dtype)
    model.load_state_dict(state)
    return model


def _known() -> set[str]:
    return {p.name for registry in (plugins.layers, plugins.models) for p in registry.all()}
