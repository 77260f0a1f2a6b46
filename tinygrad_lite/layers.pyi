# Type checkers cannot follow an editable install to ../layers; this tells them where it is.
from layers import *
