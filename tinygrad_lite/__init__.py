"""tinygrad_lite: reverse-mode autodiff, neural networks and their training, clear from end to end.

>>> import tinygrad_lite as tg
>>> x = tg.tensor([[1.0, 2.0]], requires_grad=True)
>>> tg.exp(x).sum().backward()
>>> x.grad
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

_root = Path(__file__).parent.parent
if (_root / "pyproject.toml").exists() and (_root / "layers" / "__init__.py").exists():
    # Python was started in a checkout: its layers/, optim/ and examples/ are ours, installed or not
    __path__.append(str(_root))

from tinygrad_lite import creation, ops
from tinygrad_lite.check import gradcheck
from tinygrad_lite.creation import *
from tinygrad_lite.errors import (
    AnomalyError,
    ArgumentError,
    BrokenPluginError,
    CheckpointError,
    DataError,
    DivergenceError,
    DownloadError,
    DTypeError,
    GradientError,
    GraphError,
    PluginError,
    ShapeError,
    TinygradLiteError,
)
from tinygrad_lite.kernels.settings import get_winograd, set_winograd
from tinygrad_lite.kernels.threads import get_num_threads, set_num_threads
from tinygrad_lite.modes import detect_anomaly, enable_grad, is_grad_enabled, no_grad, reference
from tinygrad_lite.module import Buffer, Module, Parameter, build
from tinygrad_lite.op import Op
from tinygrad_lite.ops import *
from tinygrad_lite.ops import linalg
from tinygrad_lite.ops.random import get_rng_state, seed, set_rng_state
from tinygrad_lite.plugins import (
    register_dataset,
    register_layer,
    register_model,
    register_optimizer,
)
from tinygrad_lite.scalar import Scalar
from tinygrad_lite.tensor import Tensor, asarray, float32, float64, tensor, to_scalars
from tinygrad_lite.through_time import detach_state, truncated_bptt
from tinygrad_lite.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from tinygrad_lite.version import __version__

__all__ = [
    "AnomalyError",
    "ArgumentError",
    "BrokenPluginError",
    "Buffer",
    "CheckpointError",
    "DTypeError",
    "DataError",
    "DivergenceError",
    "DownloadError",
    "GradientError",
    "GraphError",
    "Module",
    "Op",
    "Parameter",
    "PluginError",
    "Scalar",
    "ShapeError",
    "Tensor",
    "TinygradLiteError",
    "Trainer",
    "__version__",
    "asarray",
    "build",
    "contract",
    "data",
    "detach_state",
    "detect_anomaly",
    "enable_grad",
    "float32",
    "float64",
    "functional",
    "get_num_threads",
    "get_rng_state",
    "get_winograd",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "layers",
    "linalg",
    "load",
    "no_grad",
    "ops",
    "optim",
    "plugins",
    "reference",
    "register_dataset",
    "register_layer",
    "register_model",
    "register_optimizer",
    "save",
    "seed",
    "set_num_threads",
    "set_rng_state",
    "set_winograd",
    "study",
    "tensor",
    "to_scalars",
    "train",
    "truncated_bptt",
    "value_and_grad",
    "vjp",
]

# Loaded when first asked for, so that importing the engine stays as quick as importing NumPy.
_lazy = {
    "Trainer": "tinygrad_lite.train",
    "load": "tinygrad_lite.checkpoint",
    "save": "tinygrad_lite.checkpoint",
}
_lazy_modules = {"contract", "data", "functional", "layers", "optim", "sklearn", "study", "train"}

if TYPE_CHECKING:
    from tinygrad_lite import contract, data, functional, layers, optim, study, train
    from tinygrad_lite import sklearn as sklearn  # not in __all__: it needs another package
    from tinygrad_lite.checkpoint import load, save
    from tinygrad_lite.train import Trainer
else:  # what follows would keep type checkers from telling a name that does not exist
    __all__ += creation.__all__
    __all__ += ops.__all__

    def __getattr__(name: str) -> Any:
        if name in _lazy_modules:
            return import_module(f"{__name__}.{name}")
        if name in _lazy:
            return getattr(import_module(_lazy[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
