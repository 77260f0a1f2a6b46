"""One table of all ops, a file a family, by the names that users call them by."""

from importlib import import_module
from pkgutil import iter_modules

FAMILIES = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
TABLE = {name: entry for family in FAMILIES for name, entry in family.TABLE.items()}
