"""Hooks of Modules: called before and after `forward`, and with the gradients at its two ends.

They are PyTorch's: what a hook returns takes the place of what it was given, None changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

from tinygrad_lite.errors import ArgumentError, message
from tinygrad_lite.graph import HookHandle, Node
from tinygrad_lite.op import Op
from tinygrad_lite.tensor import Tensor
from tinygrad_lite.tree import flatten


class Hooked:
    """What can be hooked: the part of Module that knows of hooks.

    Hooks are no part of a Module's state or config, and its copies and pickles have none.
    """

    _hooks: dict[str, list[Callable[..., Any]]] | None = None  # by when they are called

    def register_forward_pre_hook(self, hook: Callable[[Any, tuple[Any, ...]], Any]) -> HookHandle:
        """Call `hook(module, args)` before each forward; it may return other arguments."""
        return self._add_hook("before", hook)

    def register_forward_hook(self, hook: Callable[[Any, tuple[Any, ...], Any], Any]) -> HookHandle:
        """Call `hook(module, args, result)` after each forward; it may return another result."""
        return self._add_hook("after", hook)

    def register_full_backward_hook(self, hook: Callable[[Any, Any, Any], Any]) -> HookHandle:
        """Call `hook(module, grad_input, grad_output)` when backward has gone through the Module.

        Both are tuples, with a gradient for each Tensor among the arguments (or results), those in
        lists and tuples too, and None where there is none. The hook may return other gradients of
        the arguments. Where no argument requires a gradient it is called when those of the results
        are known. Arrays of Scalars have no part in this.
        """
        return self._add_hook("backward", hook)

    def _add_hook(self, when: str, hook: Any) -> HookHandle:
        if not callable(hook):
            raise ArgumentError(
                message(
                    type(self).__name__,
                    "a hook must be a function",
                    {"hook": hook},
                    fix="pass a function of (module, ...), without calling it",
                )
            )
        self._hooks = self._hooks or {"before": [], "after": [], "backward": []}
        hooks = self._hooks[when]
        hooks.append(hook)
        return HookHandle(hooks, hook)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_hooks"}

    def _call_forward(self, args: tuple[Any, ...]) -> Any:
        raise NotImplementedError

    def _run_with_hooks(self, hooks: dict[str, list[Any]], args: tuple[Any, ...]) -> Any:
        for hook in [*hooks["before"]]:
            changed = hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        passage = _Passage(self, [*hooks["backward"]]) if hooks["backward"] else None
        if passage:
            args, passage.entered = _through(_entrance, args, passage)
        y = self._call_forward(args)
        for hook in [*hooks["after"]]:
            changed = hook(self, args, y)
            y = y if changed is None else changed
        if passage:
            y, passage.left = _through(_exit, y, passage)
        return y


class _Passage:
    """One run of a Module, which backward goes through in the other direction.

    Attributes:
        entered: of each Tensor among the arguments, whether it requires a gradient.
        left: the same of the results.
    """

    entered: list[bool]
    left: list[bool]

    def __init__(self, module: Hooked, hooks: list[Any]) -> None:
        self.module, self.hooks = module, hooks
        self.grad_output: tuple[Any, ...] = ()

    def begin(self, g: tuple[Any, ...]) -> tuple[Any, ...]:
        """Take the gradients of the results."""
        self.grad_output = _placed(g, self.left)
        if not any(self.entered):
            self.finish((), ())
        return g

    def finish(self, g: tuple[Any, ...], xs: Sequence[Any]) -> tuple[Any, ...]:
        """Show the gradients of both ends to the hooks; return those of the arguments."""
        shown, self.grad_output = self.grad_output, ()
        grad_input, replaced = _placed(g, self.entered), False
        for hook in self.hooks:
            changed = hook(self.module, grad_input, shown)
            if changed is not None:
                grad_input, replaced = self._expect(changed, xs), True
        if not replaced:
            return g
        kept = (part for part, entered in zip(grad_input, self.entered, strict=True) if entered)
        return tuple(
            new if new is None or isinstance(old, Node) else copy(new.data)
            for new, old in zip(kept, g, strict=True)
        )

    def _expect(self, changed: Any, xs: Sequence[Any]) -> tuple[Any, ...]:
        """Return what a hook returned as Tensors like the arguments, or refuse it."""
        changed = changed if isinstance(changed, tuple) else (changed,)
        some = [part is not None for part in changed]
        if len(some) != len(self.entered) or any(
            given and not entered for given, entered in zip(some, self.entered, strict=True)
        ):
            raise ArgumentError(
                message(
                    f"{type(self.module).__name__}'s backward hook",
                    f"returned gradients {some} for arguments that require one {self.entered}",
                    fix="return nothing, or a tuple with a gradient for each Tensor among the "
                    "arguments, None where it requires none",
                )
            )
        like = iter(xs)
        arguments = [next(like) if entered else None for entered in self.entered]
        return tuple(
            None if part is None else _vertex(x).expect(part)
            for part, x in zip(changed, arguments, strict=True)
        )


def _vertex(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else Tensor.make(value)


def _placed(g: tuple[Any, ...], tracked: Sequence[bool]) -> tuple[Any, ...]:
    """Return gradients as Tensors that share no buffer with the walk, None for what has none."""
    parts = iter(g)
    placed = (next(parts) if t else None for t in tracked)
    return tuple(p if p is None or isinstance(p, Node) else Tensor.make(copy(p)) for p in placed)


def _through(op: Op, tree: Any, passage: _Passage) -> tuple[Any, list[bool]]:
    """Lead the Tensors of a tree through an op, so that their gradients meet there."""
    leaves, rebuild = flatten(tree)
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]
    tracked = [leaves[i].requires_grad for i in places]
    chosen = [i for i, t in zip(places, tracked, strict=True) if t]
    if chosen:
        for i, out in zip(chosen, op(*(leaves[i] for i in chosen), passage=passage), strict=True):
            leaves[i] = out
    return rebuild(leaves), tracked


def _entrance_rule(g: Any, y: Any, *xs: Any, passage: _Passage) -> tuple[Any, ...]:
    """x̄ = ȳ, or what the hooks of the Module make of it."""
    return tuple(passage.finish(g, xs))


def _exit_rule(g: Any, y: Any, *xs: Any, passage: _Passage) -> tuple[Any, ...]:
    """x̄ = ȳ, once the gradients of all results are known."""
    return tuple(passage.begin(g))


_entrance = Op("module_entrance", lambda *xs, passage: xs, _entrance_rule)
_exit = Op("module_exit", lambda *xs, passage: xs, _exit_rule)
