"""The kit itself: for each clause a layer that breaks it and nothing that comes before it."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import contract, kernels, layers
from tinygrad_lite import functional as F
from tinygrad_lite.op import Op


class Scale(tg.Module):
    """A layer without fault, which the broken ones are made from."""

    def __init__(self, features=3):
        self.scale = tg.Parameter(np.linspace(0.5, 1.5, features))

    def forward(self, x):
        return self.scale * x


class ListOutput(Scale):
    def forward(self, x):
        return [self.scale * x]


class BatchLost(Scale):
    def forward(self, x):
        return (self.scale * x).sum(axis=0)


class Squeezing(Scale):
    def forward(self, x):
        return (self.scale * x).squeeze(0) if len(x) == 1 else self.scale * x


class NoEmptyBatch(Scale):
    def forward(self, x):
        return self.scale * x / x.data.max()


class Narrowing(Scale):
    def forward(self, x):
        return (self.scale * x).astype("float32")


class Widening(Scale):
    def forward(self, x):
        return (self.scale * x).astype("float64")


class WritesInput(Scale):
    def forward(self, x):
        x.data[...] = abs(x.data)
        return self.scale * x


class ChangesItself(Scale):
    def forward(self, x):
        self.scale.data = self.scale.data * 1.01
        return self.scale * x


class AlwaysRandom(Scale):
    def forward(self, x):
        return F.dropout(self.scale * x, 0.5)


class ForeignRandom(tg.Module):
    def __init__(self):
        self.scale = tg.Parameter(np.random.default_rng().random(3))

    def forward(self, x):
        return self.scale * x


class ForgetsTraining(Scale):
    def train(self, mode=True):
        return self


class UnusedParameter(Scale):
    def __init__(self):
        super().__init__()
        self.unused = tg.Parameter(np.ones(2))


class DetachedInput(Scale):
    def forward(self, x):
        return self.scale * x.detach()


wrong_square = Op("wrong_square", lambda x: x**2, lambda g, y, x: 3 * g * x)
other_face = Op(
    "other_face", lambda x: x**2, lambda g, y, x: 2 * g * x, reference=lambda x: x * x + 1e-6
)
other_gradient = Op(
    "other_gradient",
    lambda x: x * 1.0,
    lambda g, y, x: g,
    reference=lambda x: x + (x - x.detach()) * 1e-6,
)


class WrongRule(Scale):
    def forward(self, x):
        return wrong_square(self.scale * x)


class OtherFace(Scale):
    def forward(self, x):
        return other_face(self.scale * x)


class OtherGradient(Scale):
    def forward(self, x):
        return other_gradient(self.scale * x)


class HiddenState(Scale):
    def __init__(self):
        super().__init__()
        self.hidden = tg.rand(3).numpy()

    def forward(self, x):
        return self.scale * x + self.hidden


@tg.register_layer("test_reading")
class ReadsNothing(Scale):
    def config(self):
        return {"name": "test_reading", "features": 4}


@tg.register_layer("test_impostor")
class Impostor(Scale):
    plugin_name = "dense"


Impostor.plugin_name = "dense"


@tg.register_layer("test_forgetful")
class Forgetful(Scale):
    """Its outputs depend on something that neither config nor state holds."""

    made = 0

    def __init__(self):
        super().__init__()
        Forgetful.made += 1
        self.strength = 1.0

    def forward(self, x):
        return self.scale * x * self.strength


class RaisesBare(Scale):
    def forward(self, x):
        if x.shape[1:] != (3,):
            raise ValueError("bad")
        return self.scale * x


class AnonymousError(Scale):
    def __call__(self, x):
        if np.shape(x)[1:] != (3,):
            raise tg.ShapeError("something does not fit")
        return super().__call__(x)


class Broadcasts(Scale):
    def __init__(self):
        self.scale = tg.Parameter(np.ones(1))


class Opaque(Scale):
    def __repr__(self):
        return "<opaque layer>"


class Unparsable(Scale):
    def __repr__(self):
        return "Unparsable(size: 3)"


class Uncounted(Scale):
    def summary(self, *inputs, dtype=np.float32):
        table = super().summary(*inputs, dtype=dtype)
        table.rows[0].parameters = 2
        return table


def strengthened():
    layer = Forgetful()
    layer.strength = 2.0
    return layer


BROKEN = [
    ("output", ListOutput, {}),
    ("output", BatchLost, {}),
    ("output", lambda: "no module", {}),
    ("shapes", Squeezing, {}),
    ("shapes", NoEmptyBatch, {}),
    ("dtypes", Narrowing, {}),
    ("dtypes", Widening, {}),
    ("purity", WritesInput, {}),
    ("purity", ChangesItself, {}),
    ("modes", AlwaysRandom, {}),
    ("modes", AlwaysRandom, {"stochastic": True}),
    ("modes", Scale, {"stochastic": True}),
    ("modes", ForgetsTraining, {}),
    ("seeds", ForeignRandom, {}),
    ("parameters", UnusedParameter, {}),
    ("parameters", DetachedInput, {}),
    ("gradients", WrongRule, {}),
    ("faces", OtherFace, {}),
    ("faces", OtherGradient, {}),
    ("state", HiddenState, {}),
    ("registered", ReadsNothing, {}),
    ("registered", Impostor, {}),
    ("saved", strengthened, {}),
    ("errors", RaisesBare, {}),
    ("errors", AnonymousError, {}),
    ("errors", Broadcasts, {"rejects": [(2, 4)]}),
    ("shown", Opaque, {}),
    ("shown", Unparsable, {}),
    ("summary", Uncounted, {}),
]


@pytest.mark.parametrize(
    ("clause", "make", "further"),
    [pytest.param(*case, id=f"{case[0]}-{case[1].__name__}") for case in BROKEN],
)
def test_catches(clause, make, further):
    if clause == "faces" and not kernels.available():
        pytest.skip("without kernels there is one face only")
    with pytest.raises(contract.ContractError) as caught:
        contract.check_layer(make, (3,), **further)
    assert caught.value.clause == clause
    assert repr(clause) in str(caught.value)
    if isinstance(make, type):
        assert make.__name__ in str(caught.value)


def test_every_clause_catches_something():
    assert {clause for clause, *_ in BROKEN} == {clause.__name__ for clause in contract.CLAUSES}


def test_passes_what_is_sound():
    contract.check_layer(Scale, (3,), rejects=[(2, 4)])
    contract.check_layer(lambda: layers.Dropout(), (9,), stochastic=True)


def test_clauses_are_readable():
    for clause in contract.CLAUSES:
        assert clause.__doc__.endswith(".")


def test_errors_are_of_both_families():
    with pytest.raises(AssertionError):
        contract.check_layer(BatchLost, (3,))
    with pytest.raises(tg.TinygradLiteError):
        contract.check_layer(BatchLost, (3,))


def test_leaves_the_random_numbers_alone():
    tg.seed(5)
    expected = tg.rand(4).tolist()
    tg.seed(5)
    contract.check_layer(Scale, (3,))
    assert tg.rand(4).tolist() == expected


def test_takes_integers_and_several_results():
    class Lookup(tg.Module):
        def __init__(self):
            self.weight = tg.Parameter(tg.randn(5, 2))

        def forward(self, x):
            if x.dtype.kind != "i":
                raise tg.DTypeError("needs integers")
            found = self.weight[x]
            return found, (found * 2).swapaxes(0, 1), found.sum(axis=0)

    def indices(rng, shape):
        return rng.permuted(np.arange(shape[0] * 4) % 5)[: shape[0] * 4].reshape(shape)

    with pytest.raises(contract.ContractError, match="gave results of shape"):
        contract.check_layer(Lookup, (4,), sample=indices)

    class Fixed(Lookup):
        def forward(self, x):
            return super().forward(x)[:2]

    contract.check_layer(Fixed, (4,), sample=indices)
