"""The command line: `tinygrad-lite run | runs | compare | bench | list | fetch | warmup`.

Exit codes: 0 done, 1 failed, 2 used wrongly, 130 interrupted.
"""

from __future__ import annotations

import inspect
import os
import runpy
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click
from click.core import ParameterSource

from tinygrad_lite import plugins
from tinygrad_lite.data import download
from tinygrad_lite.errors import (
    ArgumentError,
    BrokenPluginError,
    PluginError,
    TinygradLiteError,
    nearest,
)
from tinygrad_lite.module import Module, build
from tinygrad_lite.train import launch
from tinygrad_lite.train.logs import Run
from tinygrad_lite.train.recipe import EPOCHS, learn_digits
from tinygrad_lite.version import __version__

KINDS = {
    registry.kind: registry
    for registry in (plugins.layers, plugins.optim, plugins.models, plugins.datasets)
}


_DATA = click.Path(exists=True)
_LATEST = "the latest"
_HELP_NAMES = {"help_option_names": ["-h", "--help"]}
_HELP = {
    "batch": "Images of a step.",
    "clip": "Norm that gradients are clipped to.",
    "data": "Images to learn in place of the digits: a folder of IDX, CIFAR-10 or PNG files.",
    "epochs": "Passes over the training data.",
    "folder": "Where to keep the run; by default a new folder below ./runs.",
    "hidden": "Units of the memory.",
    "length": "Time steps of the sequence.",
    "log": "Further logs to keep: some of csv,png,tensorboard.",
    "lr": "Learning rate at the start.",
    "model": "Name of the network.",
    "optimizer": "Name of an optimiser; see `tinygrad-lite list optim`.",
    "plain": "One line an epoch, and no colours.",
    "seed": "Makes the run repeatable.",
    "steps": "Time steps of the sequences.",
}


@click.group(context_settings=_HELP_NAMES)
@click.version_option(__version__, prog_name="tinygrad-lite")
def cli() -> None:
    """Autodiff and neural networks from scratch: train, compare and study them here."""


@cli.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(name: str, arguments: tuple[str, ...]) -> None:
    """Run an example or a model.

    NAME is one of `tinygrad-lite list models`, the path of a Python file with a main(), or that of
    a TOML file that describes a model. Each takes options of its own: `tinygrad-lite run NAME -h`.

    A training is kept in a folder below ./runs, or of what TINYGRAD_LITE_RUNS names: checkpoints,
    the weights of the best epoch, a log. `tinygrad-lite run NAME --resume` goes on with it.
    """
    entry = command(_main_of(name), name)
    entry.main(list(arguments), f"tinygrad-lite run {name}", standalone_mode=False)


@cli.command()
@click.argument("names", nargs=-1)
@click.option("--epochs", default=EPOCHS, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--plain", is_flag=True, help="One line an epoch, no drawing.")
@click.option("--svg", type=click.Path(dir_okay=False), help="Also draw the end state here.")
@click.option("--data", type=_DATA, help=_HELP["data"])
def compare(
    names: tuple[str, ...], epochs: int, seed: int, plain: bool, svg: str | None, data: str | None
) -> None:
    """Train models on the same images with the same budget, side by side, and say what differs.

    NAMES are models of `tinygrad-lite list models`; dnn cnn rnn lstm gru by default.
    """
    for name in names:
        _known(name, plugins.models)
    _has_folder("--svg", svg)
    from tinygrad_lite.study.compare import compare_models

    compare_models(
        tuple(dict.fromkeys(names)) or ("dnn", "cnn", "rnn", "lstm", "gru"),
        epochs,
        seed,
        plain,
        svg,
        data,
    )


@cli.command()
@click.argument("names", nargs=-1)
@click.option("--vs", type=click.Choice(["torch"]), help="Measure this library beside ours.")
@click.option("--quick", is_flag=True, help="A few rounds only: a first idea, with a wide spread.")
@click.option("--markdown", is_flag=True, help="Print a Markdown table when all is measured.")
@click.option("--json", "path", type=click.Path(dir_okay=False), help="Also write all times here.")
def bench(
    names: tuple[str, ...], vs: str | None, quick: bool, markdown: bool, path: str | None
) -> None:
    """Print the speed table: how long things take, and whether the bars are met.

    NAMES are rows (mlp/batch-64) or groups of rows (op); all of them by default. A bar that is
    missed is shown, and is no failure of the command.
    """
    _has_folder("--json", path)
    from tinygrad_lite.bench.report import run
    from tinygrad_lite.bench.suite import select

    try:
        benchmarks = select(names)
    except ArgumentError as error:  # a name that the user has wrong
        raise click.UsageError(str(error)) from error
    run(benchmarks, vs, quick, markdown, path)


@cli.command("list")
@click.argument("kind", required=False, type=click.Choice(list(KINDS)))
def list_plugins(kind: str | None) -> None:
    """List what is registered, and which package provides it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for registry in [KINDS[kind]] if kind else KINDS.values():
        table = Table(title=registry.kind, title_justify="left", box=None, pad_edge=False)
        for head in ("name", "package", "what it is"):
            table.add_column(head, no_wrap=head != "what it is")
        for plugin in registry.all():
            table.add_row(plugin.name, plugin.package, Text(_about(plugin)))
        for broken, why in registry.broken.items():
            table.add_row(broken, "[red]broken[/]", Text(why))
        console.print(table)
        console.print()


class _Listing(click.Group):
    """A group whose command `list` may be left out."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        named = bool(args) and args[0] in self.commands
        return super().resolve_command(ctx, args if named else ["list", *args])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["list"])


_RUNS: dict[str, Any] = {
    "default": launch.HOME,
    "envvar": launch.VARIABLE,
    "type": click.Path(file_okay=False, path_type=Path),
}
_in_folder = click.option("--folder", **_RUNS, help="Where the runs are.", show_default=True)


@cli.group(cls=_Listing, options_metavar="[FOLDER]", subcommand_metavar="[COMMAND ...]")
def runs() -> None:
    """List past runs, draw their curves again, compare two.

    A run is a folder with a `log.jsonl` in it. Without a command those below FOLDER are listed:
    the folder that TINYGRAD_LITE_RUNS names, or ./runs.
    """


@runs.command("list")
@click.argument("folder", **_RUNS)
def list_runs(folder: Path) -> None:
    """List the runs below FOLDER."""
    from tinygrad_lite.study import runs

    runs.list_runs(folder)


@runs.command("show")
@click.argument("name")
@_in_folder
@click.option("--all", is_flag=True, help="Every epoch, where they are many.")
def show_run(name: str, folder: Path, all: bool) -> None:
    """Draw the curves of a run, and print its epochs.

    NAME is one of `tinygrad-lite runs`, or the path of a log or of its folder.
    """
    from tinygrad_lite.study.runs import show_run

    show_run(_open_run(name, folder), name, all=all)


@runs.command("compare")
@click.argument("first")
@click.argument("second")
@_in_folder
def compare_runs(first: str, second: str, folder: Path) -> None:
    """Show what differs between two runs, how they went, and both their curves."""
    if first == second:
        raise click.UsageError("name two different runs.")
    from tinygrad_lite.study.runs import compare_runs

    compare_runs({name: _open_run(name, folder) for name in (first, second)})


def _open_run(name: str, folder: Path) -> Run:
    from tinygrad_lite.study.runs import open_run

    try:
        return open_run(name, folder)
    except ArgumentError as error:  # a name that the user has wrong
        raise click.UsageError(str(error)) from error


@cli.command()
@click.argument("name", type=click.Choice(list(download.SOURCES)))
@click.option("--folder", type=click.Path(file_okay=False), help="Where to; by default the cache.")
def fetch(name: str, folder: str | None) -> None:
    """Download a published data set, and verify it; what is there already is kept.

    An interrupted download goes on where it ended.
    """
    click.echo(f"{name} is in {download.fetch(name, folder)}")


@cli.command()
def warmup() -> None:
    """Compile the kernels now, in float32, so that no later run has to wait for them."""
    from rich.console import Console

    from tinygrad_lite import kernels
    from tinygrad_lite.warmup import FAMILIES

    console = Console()
    if not kernels.available():
        console.print("There is nothing to compile: Numba is missing, or NUMBA_DISABLE_JIT is set.")
        return
    start = time.perf_counter()
    for name, run in FAMILIES.items():
        begin = time.perf_counter()
        compiled: list[str] = []
        console.print(f"{name} ", end="")
        with kernels.compiling(compiled.append):
            run()
        what = f"{len(compiled)} kernels" if compiled else "there already"
        console.print(f"[dim]{what}, {time.perf_counter() - begin:.1f} s")
    console.print(f"ready after {time.perf_counter() - start:.1f} s")


def _about(plugin: plugins.Plugin) -> str:
    """Return the first line of what is written about a plugin; of an example, its lesson's."""
    module = sys.modules[plugin.item.__module__]
    main = getattr(module, "main", None)
    lesson = None if main is None or _is_shared(main) else module.__doc__
    return (lesson or inspect.getdoc(plugin.item) or "").partition("\n")[0]


def _has_folder(option: str, path: str | None) -> None:
    """Find out before the work begins that its result could not be written."""
    if path is not None and not Path(path).absolute().parent.is_dir():
        raise click.UsageError(f"{option}: there is no folder for {path!r}.")


def _known(name: str, registry: plugins.Registry) -> plugins.Plugin:
    """Return a plugin that the user named; one that does not exist is a usage error."""
    if name not in registry:
        names = [plugin.name for plugin in registry.all()]
        raise click.UsageError(
            f"no model is called {name!r}. Known, nearest first: {nearest(name, names)}."
        )
    return registry.plugin(name)


def _main_of(name: str) -> Callable[..., Any]:
    """Return the function that `run NAME` calls."""
    path = Path(name)
    if path.suffix in (".py", ".toml"):
        if not path.is_file():
            raise click.UsageError(f"there is no file {name!r}.")
        return _main_of_toml(path) if path.suffix == ".toml" else _main_of_python(path)
    plugin = _known(name, plugins.models)
    main = getattr(sys.modules[plugin.item.__module__], "main", None)
    if main is None:
        return partial(learn_digits, plugin.item)
    return partial(main, name) if _is_shared(main) else main  # type: ignore[no-any-return]


def _is_shared(main: Callable[..., Any]) -> bool:
    """Tell whether an example has several models: its main(model, ...) is told which by name."""
    return next(iter(inspect.signature(main).parameters), None) == "model"


def _main_of_python(path: Path) -> Callable[..., Any]:
    main = runpy.run_path(str(path)).get("main")
    if main is None:
        raise click.UsageError(f"{path} defines no main().")
    return main  # type: ignore[no-any-return]


def _main_of_toml(path: Path) -> Callable[..., Any]:
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} is no TOML: {error}.") from error
    if not isinstance(config.get("model"), dict):
        raise click.UsageError(f"{path} has no [model] table.")
    if len(config) > 1:
        raise click.UsageError(f"{path}: only [model] is known, not {', '.join(config)}.")

    def make() -> Module:
        try:
            return build(config["model"])
        except BrokenPluginError:
            raise
        except (PluginError, ArgumentError) as error:  # a name or value that the file has wrong
            raise click.UsageError(f"{path}: {error}") from error

    return partial(learn_digits, make)


def _type_of(parameter: inspect.Parameter) -> Any:
    types = {
        "data": _DATA,
        "epochs": click.IntRange(1),
        "lr": click.FloatRange(0),
        "seed": click.IntRange(0),
    }
    if parameter.name in types:
        return types[parameter.name]
    if parameter.name == "optimizer":
        return click.Choice([plugin.name for plugin in plugins.optim.all()])
    return parameter.annotation if parameter.annotation in (bool, float, int) else str


def command(main: Callable[..., Any], name: str = "") -> click.Command:
    """Make a command of a function: an option for each of its parameters.

    A function with a parameter `folder` is told where to keep its run; with the same folder it has
    to go on with that run. The command then has `--resume`, too.

    Args:
        main: the function.
        name: what the command line calls it; without a name, runs are kept only where asked for.
    """
    options: list[click.Parameter] = []
    for p in inspect.signature(main, eval_str=True).parameters.values():
        options.append(
            click.Option(
                [f"--{p.name.replace('_', '-')}"],
                type=_type_of(p),
                is_flag=isinstance(p.default, bool),
                required=p.default is p.empty,
                default=None if p.default is p.empty else p.default,
                show_default=not isinstance(p.default, bool),
                help=_HELP.get(p.name),
            )
        )
    about = (inspect.getdoc(getattr(main, "func", main)) or "").partition("\n\n")[0]
    keeps = name and any(option.name == "folder" for option in options)
    if keeps:
        options.append(_RESUME)
    callback = partial(_kept, main, name) if keeps else main
    return click.Command("run", _HELP_NAMES, callback=callback, params=options, help=about)


_RESUME = click.Option(
    ["--resume"],
    is_flag=False,
    flag_value=_LATEST,
    metavar="[FOLDER]",
    help="Go on with the latest run that did not come to its end, or with that in FOLDER.",
)


def _kept(
    main: Callable[..., Any], name: str, folder: str | None, resume: str | None, **settings: Any
) -> None:
    """Call `main` with a folder in which its run is kept, or was before."""
    if resume is not None and folder is not None:
        raise click.UsageError(
            "--folder is where a new run goes; --resume names that of an old one."
        )
    if resume is None:
        place = launch.new_folder(name) if folder is None else Path(folder)
        if (place / launch.FILE).exists():
            raise click.UsageError(f"{place} holds a run already: use --resume {place}.")
    else:
        place = _to_resume(name, resume)
        typed = click.get_current_context().get_parameter_source
        before = launch.read(place).settings
        settings |= {k: v for k, v in before.items() if typed(k) is ParameterSource.DEFAULT}
    started = launch.Launch(name, settings)
    try:
        started.write(place)
    except OSError as error:
        click.echo(f"nothing of this run is kept: {place}: {error.strerror}", err=True)
        main(**settings)
        return
    try:
        main(**settings, folder=str(place))
    except Exception:
        launch.withdraw(place)
        raise
    started.is_done = True
    started.write(place)


def _to_resume(name: str, folder: str) -> Path:
    """Return the folder of the run to go on with."""
    if folder != _LATEST:
        return Path(folder)
    found = launch.unfinished(name)
    if found is None:
        raise click.UsageError(
            f"no run of {name} in {launch.home()} waits to be resumed. "
            f"To train one on: --resume FOLDER --epochs MORE; see `tinygrad-lite runs`."
        )
    return found


def run_file(main: Callable[..., Any]) -> NoReturn:
    """Call an example's `main` with the command line's options: `python lenet.py --epochs 3`."""
    guarded(command(main), sys.argv[1:], prog_name=sys.argv[0])


def guarded(entry: click.Command, arguments: Sequence[str], prog_name: str) -> NoReturn:
    """Run a command and exit with its code; a user's mistake gets a message, not a traceback."""
    try:
        entry.main(list(arguments), prog_name, standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except TinygradLiteError as error:
        _complain("\n".join([str(error), *getattr(error, "__notes__", [])]))
    except BrokenPipeError:  # whoever reads our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _complain(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    sys.exit(0)


def _complain(text: str) -> NoReturn:
    click.secho(f"error: {text}", fg="red" if sys.stderr.isatty() else None, err=True)
    sys.exit(1)


def main() -> NoReturn:
    """Enter from the shell."""
    guarded(cli, sys.argv[1:], prog_name="tinygrad-lite")


if __name__ == "__main__":
    main()
