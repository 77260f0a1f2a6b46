"""One table of all ops, a file a family, by the names that users call them by."""

from tests.ops.tables import (
    activation,
    attention,
    distance,
    elementwise,
    embedding,
    image,
    indexing,
    loss,
    norm,
    products,
    random,
    recurrent,
    reduce,
    shape,
    special,
    windows,
)

FAMILIES = [
    activation,
    attention,
    distance,
    elementwise,
    embedding,
    image,
    indexing,
    loss,
    norm,
    products,
    random,
    recurrent,
    reduce,
    shape,
    special,
    windows,
]
TABLE = {name: entry for family in FAMILIES for name, entry in family.TABLE.items()}
