# Type checkers cannot follow an editable install to ../optim; this tells them where it is.
from optim import *
