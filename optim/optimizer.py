"""Optimizer: what all share: parameter groups, the loop over them, and the state of a resume."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tinygrad_lite import kernels
from tinygrad_lite.errors import ArgumentError, CheckpointError, ShapeError, message, nearest
from tinygrad_lite.memory import mark_changed
from tinygrad_lite.module import Parameter
from tinygrad_lite.tensor import Tensor

Parameters = Iterable[Parameter] | Iterable[Mapping[str, Any]]
Group = dict[str, Any]
State = dict[str, Any]
Slot = tuple[Parameter, Group, State]


class Fused(NamedTuple):
    """A rule of `kernels.optim`: its name, the arrays of a state that it takes, its numbers."""

    rule: str
    memory: tuple[str, ...]
    numbers: tuple[float, ...]


class Optimizer:
    """The base of optimisers: a subclass writes down one rule, `update`.

    Args:
        parameters: Parameters; or groups `{"params": Parameters, option: value, ...}`, where an
            option that a group leaves out has the value given to the optimiser.
        lr: learning rate.
        options: the further options of the rule, by name.

    Attributes:
        param_groups: a dict a group, with its `params` and a value for every option.

    Raises:
        ArgumentError: there is nothing to optimise, something is no Parameter or listed twice, or
            an option is unknown or out of range.
    """

    # option: (least possible value, first value that is too large)
    limits: ClassVar[dict[str, tuple[float, float]]] = {
        "alpha": (0.0, 1.0),
        "betas": (0.0, 1.0),
        "dampening": (0.0, math.inf),
        "eps": (0.0, math.inf),
        "initial_accumulator_value": (0.0, math.inf),
        "lr": (0.0, math.inf),
        "lr_decay": (0.0, math.inf),
        "momentum": (0.0, 1.0),
        "momentum_decay": (0.0, math.inf),
        "rho": (0.0, 1.0),
        "weight_decay": (0.0, math.inf),
    }

    def __init__(self, parameters: Parameters, lr: float, **options: Any) -> None:
        if not isinstance(parameters, Iterable):
            raise self._error(
                "parameters must be an iterable of Parameters",
                {"parameters": parameters},
                fix="pass model.parameters()",
            )
        given = list(parameters)
        grouped = bool(given) and all(isinstance(item, Mapping) for item in given)
        groups: list[Any] = given if grouped else [{"params": given}]
        self.param_groups = [self._complete(group, {"lr": lr} | options) for group in groups]
        self._slots: list[Slot] = [
            (parameter, group, {}) for group in self.param_groups for parameter in group["params"]
        ]
        self._check_distinct()

    def update(self, parameter: np.ndarray, grad: np.ndarray, state: State, group: Group) -> None:
        """Change `parameter` in place by one step of the rule.

        Args:
            parameter: the values.
            grad: their gradient, of the same shape; not to be written to.
            state: what the rule remembers about this parameter; empty at the first step.
            group: the options.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no update(...)")

    def fused(self, group: Group, step: int) -> Fused | None:
        """Name a kernel that does what `update` does, at the step with this number; None if none.

        It takes the place of `update` in large models, where a parameter's state holds what the
        kernel needs: the first step of each makes that state. The number counts from 1, by a `step`
        in the state; it is 1 for a rule that does not count. A subclass that defines `update` anew
        has no kernel unless it defines this anew, too.
        """
        return None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "update" in vars(cls) and "fused" not in vars(cls):
            cls.fused = Optimizer.fused  # type: ignore[method-assign]

    def step(self) -> None:
        """Update every parameter that has a gradient.

        Raises:
            ShapeError: a gradient is not of its parameter's shape; then nothing has been changed.
        """
        slots = [slot for slot in self._slots if slot[0].grad is not None]
        for parameter, _, _ in slots:
            if parameter.grad.data.shape != parameter.data.shape:  # type: ignore[union-attr]
                raise ShapeError(
                    message(
                        type(self).__name__,
                        "a gradient must have the shape of its parameter",
                        {"parameter": parameter, "grad": parameter.grad},
                        fix="let backward() set the gradients, or reshape what you assign to .grad",
                    )
                )
        updated = [parameter.data for parameter, _, _ in slots]
        mark_changed(*updated)  # first: a step that fails has changed some of them
        if kernels.pays(sum([values.size for values in updated])):
            slots = self._step_together(slots)
        for parameter, group, state in slots:
            self.update(parameter.data, parameter.grad.data, state, group)  # type: ignore[union-attr]

    def _step_together(self, slots: list[Slot]) -> list[Slot]:
        """Take this step of all parameters for which a kernel can; return the others."""
        alike: dict[Any, list[Slot]] = {}
        for slot in slots:
            values, group, state = slot[0].data, slot[1], slot[2]
            same = id(group), (*state,), values.dtype.char, values.flags.carray
            alike.setdefault((state.get("step", 0) + 1, same), []).append(slot)
        return [
            slot
            for (step, _), members in alike.items()
            if not self._run(self.fused(members[0][1], step), members)
            for slot in members
        ]

    @staticmethod
    def _run(fused: Fused | None, slots: list[Slot]) -> bool:
        """Let a kernel take a step, if it can; tell whether."""
        states = [state for _, _, state in slots]
        if fused is None or not states[0].keys() >= set(fused.memory):
            return False
        columns = [
            [parameter.data for parameter, _, _ in slots],
            [np.ascontiguousarray(parameter.grad.data) for parameter, _, _ in slots],  # type: ignore[union-attr]
            *[[state[name] for state in states] for name in fused.memory],
        ]
        if not kernels.optim.takes(columns):
            return False
        kernels.optim.step(fused.rule, columns, fused.numbers)
        for state in states:
            if "step" in state:
                state["step"] += 1
        return True

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter, _, _ in self._slots:
            parameter.grad = None

    @property
    def lr(self) -> float:
        """The learning rate: the first group's when read; set for all groups."""
        return self.param_groups[0]["lr"]  # type: ignore[no-any-return]

    @lr.setter
    def lr(self, value: float) -> None:
        self._check_limits({"lr": plain(value)})
        for group in self.param_groups:
            group["lr"] = plain(value)

    # -- state ------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return numbers and copies of arrays that a bit-exact resume needs, under dotted names."""
        state = self._options()
        for i, (_, _, memory) in enumerate(self._slots):
            state |= {f"state.{i}.{name}": _copy(value) for name, value in memory.items()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; the parameters come in the same order as then.

        Raises:
            CheckpointError: names, shapes or numbers of parameters do not fit; then nothing has
                been changed.
        """
        own = self._options()
        problems = [f"{name}: missing there" for name in own if name not in state]
        problems += [
            f"{name}: {state[name]} there, {count} here"
            for name, count in own.items()
            if name.endswith(".parameters") and name in state and state[name] != count
        ]
        memories: list[State] = [{} for _ in self._slots]
        for name, value in state.items():
            head, index, key = (*name.split(".", 2), "", "")[:3]
            if name in own:
                continue
            if head != "state" or not index.isdecimal() or int(index) >= len(memories):
                problems.append(f"{name}: unknown here")
                continue
            parameter = self._slots[int(index)][0]
            if isinstance(value, np.ndarray) and value.shape != parameter.shape:
                problems.append(f"{name}: is {value.shape} there, {parameter.shape} here")
            memories[int(index)][key] = _copy(value, parameter.dtype)
        if problems:
            raise CheckpointError(
                message(
                    type(self).__name__,
                    "the state does not fit:\n    " + "\n    ".join(problems),
                    fix="make the optimiser with the class and parameters it was saved with",
                )
            )
        for i, group in enumerate(self.param_groups):
            group |= {k: plain(state[f"groups.{i}.{k}"]) for k in group if k != "params"}
        for (_, _, memory), loaded in zip(self._slots, memories, strict=True):
            memory.clear()
            memory |= loaded

    def _options(self) -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for i, group in enumerate(self.param_groups):
            flat[f"groups.{i}.parameters"] = len(group["params"])
            for name, value in group.items():
                if name != "params":
                    flat[f"groups.{i}.{name}"] = (
                        np.array(value) if isinstance(value, tuple) else value
                    )
        return flat

    # -- checks -----------------------------------------------------------------------------------

    def check(self, group: Group) -> None:
        """Raise ArgumentError unless the options of a group are possible, also together."""
        self._check_limits(group)
        betas = group.get("betas", (0.0, 0.0))
        if not isinstance(betas, tuple) or len(betas) != 2:
            raise self._error(f"betas={betas!r} are not two numbers", fix="betas=(0.9, 0.999)")

    def _check_limits(self, options: Group) -> None:
        for name, value in options.items():
            if name not in self.limits:
                continue
            low, high = self.limits[name]
            numbers = value if isinstance(value, tuple) else (value,)
            if not all(isinstance(n, int | float) and low <= n < high for n in numbers):
                fix = f"choose {name} from {low:g} on" + (
                    f", below {high:g}" if high < math.inf else "; it must be finite"
                )
                raise self._error(f"{name}={value!r} is not possible", fix=fix)

    def _complete(self, given: Mapping[str, Any], defaults: Group) -> Group:
        """Return a group with a value for every option, checked."""
        for name in given:
            if name != "params" and name not in defaults:
                raise self._error(
                    f"a parameter group has the unknown option {name!r}",
                    fix=f"the options are: {nearest(name, defaults)}",
                )
        params = given.get("params", ())
        params = [params] if isinstance(params, Tensor) else list(params)
        if not params:
            raise self._error(
                "there are no parameters to optimise",
                fix="pass model.parameters(), made anew: a generator can be read only once",
            )
        for i, parameter in enumerate(params):
            if not isinstance(parameter, Parameter):
                raise self._error(
                    f"item {i} of the parameters is no Parameter",
                    {"item": parameter},
                    fix="pass model.parameters(), or make it one: tg.Parameter(values)",
                )
        options = {name: plain(given.get(name, value)) for name, value in defaults.items()}
        self.check(options)
        return {"params": params} | options

    def _check_distinct(self) -> None:
        seen: set[int] = set()
        for i, (parameter, _, _) in enumerate(self._slots):
            if id(parameter) in seen:
                raise self._error(
                    f"parameter {i} is listed twice, and would be updated twice a step",
                    {"parameter": parameter},
                    fix="list each Parameter once, in one group",
                )
            seen.add(id(parameter))

    def _error(
        self, problem: str, operands: dict[str, Any] | None = None, fix: str = ""
    ) -> ArgumentError:
        return ArgumentError(message(type(self).__name__, problem, operands, fix))


def blend(average: np.ndarray, value: np.ndarray, keep: float, scratch: np.ndarray) -> None:
    """Set average to keep · average + (1 - keep) · value, in place; `scratch` may be `value`."""
    average *= keep
    average += np.multiply(value, 1.0 - keep, out=scratch)


def with_decay(grad: np.ndarray, parameter: np.ndarray, weight_decay: float) -> np.ndarray:
    """Return the gradient of loss + weight_decay / 2 · parameter² (L2 regularisation)."""
    return grad + weight_decay * parameter if weight_decay else grad


def plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's, which never widen a float32 array; lists into tuples."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    return tuple(plain(item) for item in value) if isinstance(value, list | tuple) else value


def _copy(value: Any, dtype: np.dtype[Any] | None = None) -> Any:
    return np.array(value, dtype) if isinstance(value, np.ndarray) else plain(value)
