"""`device=auto|cpu|cuda[:n]` -> a torch device that is really there."""

import torch

from vdof.errors import BackendError, ConfigError


def choose_device(name: str) -> torch.device:
    """The device for `name`; `auto` is the first CUDA device, else the CPU.

    Raises:
        ConfigError: `name` is not one of auto, cpu, cuda, cuda:N.
        BackendError: a CUDA device was asked for and is not here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and (kind == "cpu" or not index.isdigit())):
        raise ConfigError(f"device: got {name!r}, expected auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if int(index or 0) >= count:
        raise BackendError(f"device: got {name!r}, but {count} CUDA devices are here; use device=auto or device=cpu")
    return torch.device(name)
