"""One table of all ops, a file a family, by the names that users call them by."""

from tests.ops.tables import (
    activation,
    elementwise,
    indexing,
    linalg,
    logic,
    loss,
    products,
    random,
    recurrent,
    reduce,
    rounding,
    shape,
    sorting,
    trigonometry,
    windows,
)

FAMILIES = [
    activation,
    elementwise,
    indexing,
    linalg,
    logic,
    loss,
    products,
    random,
    recurrent,
    reduce,
    rounding,
    shape,
    sorting,
    trigonometry,
    windows,
]
TABLE = {name: entry for family in FAMILIES for name, entry in family.TABLE.items()}
