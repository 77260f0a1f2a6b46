"""Clipping: a limit to what one bad batch can do."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tinygrad_lite.errors import AnomalyError, ArgumentError, message
from tinygrad_lite.tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale all gradients by one factor so that their joint norm is at most `max_norm`.

    Each `grad` is replaced, never written into: its buffer may be held elsewhere. If the norm is
    not finite no factor can help, and the gradients are left alone; look at what is returned.

    Source: Pascanu et al., "On the difficulty of training recurrent neural networks", 2013,
    algorithm 1.

    Args:
        parameters: Tensors; those without a gradient are skipped.
        max_norm: the largest norm that is left as it is.
        norm_type: p of the p-norm (Σ |g|ᵖ)^(1/p); `inf` takes the largest entry.
        error_if_nonfinite: raise if the norm is NaN or infinite.

    Returns:
        The norm before clipping, computed in float64; 0 if there is no gradient.

    Raises:
        ArgumentError: max_norm is negative, norm_type not positive, or something is no Tensor.
        AnomalyError: the norm is not finite, where that is asked for.
    """
    _check_limit("clip_grad_norm_", "max_norm", max_norm)
    if not norm_type > 0:
        raise ArgumentError(
            message("clip_grad_norm_", f"norm_type={norm_type!r} is no norm", fix="use 1, 2 or inf")
        )
    clipped = _with_gradients("clip_grad_norm_", parameters)
    # the norm of all entries is the norm of the norms
    norms = [np.linalg.norm(g.astype(np.float64).ravel(), norm_type) for _, g in clipped if g.size]
    total = float(np.linalg.norm(norms, norm_type)) if norms else 0.0
    if error_if_nonfinite and not np.isfinite(total):
        raise AnomalyError(
            message(
                "clip_grad_norm_",
                f"the norm of the gradients is {total}",
                fix="run the step in `with tg.detect_anomaly():`, which names the op at fault",
            )
        )
    if max_norm < total < np.inf:
        for parameter, grad in clipped:
            parameter.grad = Tensor.make(grad * (float(max_norm) / total))
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every entry of every gradient to the interval from -clip_value to clip_value.

    Args:
        parameters: Tensors; those without a gradient are skipped.
        clip_value: the largest absolute value left as it is.

    Raises:
        ArgumentError: clip_value is negative, or something is no Tensor.
    """
    _check_limit("clip_grad_value_", "clip_value", clip_value)
    for parameter, grad in _with_gradients("clip_grad_value_", parameters):
        parameter.grad = Tensor.make(np.clip(grad, -float(clip_value), float(clip_value)))


def _check_limit(subject: str, name: str, value: float) -> None:
    if not value >= 0:
        raise ArgumentError(
            message(subject, f"{name}={value!r} is not possible", fix=f"choose {name} from 0 on")
        )


def _with_gradients(
    subject: str, parameters: Tensor | Iterable[Tensor]
) -> list[tuple[Tensor, np.ndarray]]:
    """Return each Tensor that has a gradient, once, with that gradient."""
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for i, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            raise ArgumentError(
                message(
                    subject,
                    f"item {i} of the parameters is no Tensor",
                    {"item": tensor},
                    fix="pass model.parameters()",
                )
            )
    distinct = {id(tensor): tensor for tensor in tensors}.values()
    return [(tensor, tensor.grad.data) for tensor in distinct if tensor.grad is not None]
