"""The registry: layers, optimisers, models and datasets, by name.

Built-in plugins register when their home package is first needed. A third party declares an entry
point, in the group `tinygrad_lite.layers` for a layer:

    [project.entry-points."tinygrad_lite.layers"]
    swish = "my_package.swish:Swish"
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from tinygrad_lite.errors import BrokenPluginError, PluginError, nearest

Item = TypeVar("Item", bound=Callable[..., Any])


@dataclass(frozen=True)
class Plugin:
    """A registered thing and where it comes from.

    Attributes:
        name: what configs, checkpoints and the command line call it.
        item: the class or function.
        package: the distribution that provides it.
        source: its module and qualified name.
        file: where it was registered.
    """

    name: str
    item: Any
    package: str
    source: str
    file: str = ""


class Registry:
    """The plugins of one kind; names are unique.

    Args:
        kind: the plural, which is also the last part of the entry-point group.
        home: the package whose import registers the built-in ones.
    """

    def __init__(self, kind: str, home: str) -> None:
        self.kind = kind
        self.home = home
        self.group = f"tinygrad_lite.{kind}"
        self.broken: dict[str, str] = {}
        self._plugins: dict[str, Plugin] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[Item], Item]:
        """Return a decorator that registers a class or function under `name`.

        Raises:
            PluginError: the name is taken, or is no name.
        """
        if not isinstance(name, str) or not name:
            raise PluginError(
                f"{self.kind}: {name!r} is no name to register under\n"
                '  fix: call the decorator with one, e.g. @tg.register_layer("swish")'
            )

        def decorator(item: Item) -> Item:
            file = os.path.realpath(sys._getframe(1).f_code.co_filename)
            self._add(name, item, item.__module__.partition(".")[0], file)
            return item

        return decorator

    def _add(self, name: str, item: Any, package: str, file: str = "") -> None:
        plugin = Plugin(name, item, package, f"{item.__module__}.{item.__qualname__}", file)
        taken = self._plugins.get(name, plugin)
        # a module that is run a second time (reload, notebook cell, run by path) replaces its own
        again = taken.file == file and taken.item.__qualname__ == item.__qualname__
        if taken.source != plugin.source and not again:
            raise PluginError(
                f"{self.kind}: the name {name!r} is taken twice, by {taken.source} and by "
                f"{plugin.source}\n  fix: rename one of them, or uninstall its package"
            )
        self._plugins[name] = plugin
        if isinstance(item, type):
            item.plugin_name, item.plugin_kind = name, self.kind  # type: ignore[attr-defined]

    def _load(self) -> None:
        """Bring in the built-in plugins and, once, those that other packages declare."""
        if self._loaded:
            return
        self._loaded = True  # at once, as the home may ask for names while it is imported
        try:
            import_module(self.home)
        except BaseException:
            self._loaded = False
            raise
        from importlib.metadata import entry_points  # takes longer to import than the engine

        for entry in entry_points(group=self.group):
            package = entry.dist.name if entry.dist else "unknown package"
            try:
                item = entry.load()
                if self._plugins.get(entry.name) and self._plugins[entry.name].item is item:
                    del self._plugins[entry.name]  # its module registered it; add the package
                self._add(entry.name, item, package)
            except Exception as error:  # whatever a foreign module does, others go on working
                self.broken[entry.name] = (
                    f"{package} ({entry.value}): {type(error).__name__}: {error}"
                )

    def _is_built_in(self, name: str) -> bool:
        """Tell whether `name` belongs to the library, which no other package can take away."""
        return name in self._plugins and self._plugins[name].package == "tinygrad_lite"

    def plugin(self, name: str) -> Plugin:
        """Return the plugin called `name`.

        Raises:
            PluginError: there is none.
            BrokenPluginError: its package failed to import, or two packages claim the name.
        """
        self._load()
        if name in self.broken and not self._is_built_in(name):
            raise BrokenPluginError(
                f"{self.kind}: the plugin {name!r} cannot be used\n  why: {self.broken[name]}\n"
                "  fix: mend or uninstall the package that provides it"
            )
        if name not in self._plugins:
            raise PluginError(
                f"{self.kind}: nothing is registered as {name!r}\n"
                f"  known: {nearest(name, self._plugins)}"
            )
        return self._plugins[name]

    def get(self, name: str) -> Any:
        """Return the class or function registered as `name`; see `plugin` for what it raises."""
        return self.plugin(name).item

    def __contains__(self, name: str) -> bool:
        """Tell whether `name` is known here, be it broken."""
        self._load()
        return name in self._plugins or name in self.broken

    def all(self) -> list[Plugin]:
        """Return every working plugin, by name."""
        self._load()
        return [
            self._plugins[name]
            for name in sorted(self._plugins)
            if name not in self.broken or self._is_built_in(name)
        ]


layers = Registry("layers", "tinygrad_lite.layers")
optim = Registry("optim", "tinygrad_lite.optim")
models = Registry("models", "tinygrad_lite.examples")
datasets = Registry("datasets", "tinygrad_lite.data")

register_layer = layers.register
register_optimizer = optim.register
register_model = models.register
register_dataset = datasets.register
