"""One table of all ops, a file a family, by the names that users call them by."""

from tests.ops.tables import (
    activation,
    elementwise,
    indexing,
    linalg,
    loss,
    products,
    random,
    recurrent,
    reduce,
    shape,
    windows,
)

FAMILIES = [
    activation,
    elementwise,
    indexing,
    linalg,
    loss,
    products,
    random,
    recurrent,
    reduce,
    shape,
    windows,
]
TABLE = {name: entry for family in FAMILIES for name, entry in family.TABLE.items()}
