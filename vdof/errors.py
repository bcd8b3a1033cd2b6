"""Every error vdof raises on purpose. The command line prints its one line and exits with `exit_code`.

    VdofError (2)
    |-- ConfigError        a key, type or value in the configuration
    |-- InputError         a file that is missing, unreadable or not what it should be
    |   `-- LostFramesError    the decoder dropped or damaged frames
    |-- OutputError        a file that cannot be written, or exists already
    |-- ModelError         a depth model that is missing or does not fit
    |-- ShapeError         a tensor of the wrong shape, size or content given to a public function
    `-- BackendError       a compute device or backend that was asked for and is not here

A message says, in one line: what, got, expected, and what to do.
"""


class VdofError(Exception):
    """Base of all errors that are the user's to mend."""

    exit_code = 2


class ConfigError(VdofError):
    """A configuration key, type or value that cannot be used."""


class InputError(VdofError):
    """An input file that is missing, unreadable or unfit."""


class LostFramesError(InputError):
    """Frames were lost or damaged while decoding."""


class OutputError(VdofError):
    """An output that cannot be written or would overwrite something."""


class ModelError(VdofError):
    """A depth model that is missing or has an unexpected interface."""


class ShapeError(VdofError, ValueError):
    """A tensor whose shape, size or content does not fit a public function."""


class BackendError(VdofError):
    """A device or backend that was asked for and is not available."""
