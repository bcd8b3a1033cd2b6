"""`depth=transformers`: any AutoModelForDepthEstimation, by name or from a local folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vdof.depth.config import TransformersConfig
from vdof.depth.contract import Kind, take_groups
from vdof.depth.preprocessing import read_preprocessing
from vdof.depth.resize import NEAREST_M, fit_to_frame
from vdof.errors import BackendError, ConfigError, ModelError
from vdof.files import hash_file
from vdof.shots import AnalysisFrame

_GIVES = {
    "depth_anything": ("disparity", False),
    "prompt_depth_anything": ("disparity", False),
    "dpt": ("disparity", False),
    "depth_pro": ("disparity", False),
    "glpn": ("depth", True),
    "zoedepth": ("depth", True),
}
"""Kind of model -> what its relative or only form gives, and whether that is metric."""
_FILES = ["config.json", "preprocessor_config.json", "*.safetensors", "*.safetensors.index.json"]


class TransformersEstimator:
    """Disparity, and with DepthPro the field of view, from a model of the transformers package.

    Raises:
        BackendError: transformers is not installed.
        ModelError: the model's files are not on this machine, or are not a depth model's.
        ConfigError: it is not known what this kind of model gives.
    """

    def __init__(self, config: TransformersConfig, device: torch.device) -> None:
        self._config, self._device = config, device
        self._transformers = _import_transformers()
        self._folder = find_model(config)
        self._model_config = _read_config(self._transformers, self._folder)
        self._preprocessing = read_preprocessing(self._folder, self._model_config)
        self._gives_depth, is_metric = what_it_gives(self._model_config, config)
        self.kind: Kind = "disparity_metric" if is_metric else "disparity_relative"
        self._dtype = torch.float16 if config.half and device.type == "cuda" else torch.float32
        self._weights_sha256 = hash_weights(self._folder)

    def describe(self) -> dict[str, Any]:
        config = self._config
        return {
            "estimator": "transformers",
            "model": config.model,
            "model_type": self._model_config["model_type"],
            "weights_sha256": self._weights_sha256,
            "preprocessing": str(self._preprocessing),
            "long_side": config.long_side,
            "output": "depth" if self._gives_depth else "disparity",
            "metric": self.kind == "disparity_metric",
            "dtype": str(self._dtype).removeprefix("torch."),
        }

    def estimate_stream(self, frames: Iterable[AnalysisFrame]) -> Iterator[AnalysisFrame]:
        """See `StreamEstimator.estimate_stream`; frames go through the network in groups on CUDA."""
        for group in take_groups(frames, self._device):
            disparity, fov_deg = self.infer(torch.cat([frame.rgb for frame in group]))
            if not bool(torch.isfinite(disparity).all()):
                hint = "; use depth.half=false" if self._dtype == torch.float16 else ""
                raise ModelError(f"depth.model: {self._config.model} gave NaN near frame {group[0].index}{hint}")
            angles = [None] * len(group) if fov_deg is None else fov_deg.tolist()
            for frame, own, angle in zip(group, disparity.cpu().split(1), angles, strict=True):
                yield replace(frame, disparity=own, fov_deg=angle)

    @cached_property
    def _model(self) -> Any:
        """Loaded when the first frame comes: a run that finds its depth in the cache needs none."""
        self._transformers.utils.logging.disable_progress_bar()
        try:
            model = self._transformers.AutoModelForDepthEstimation.from_pretrained(
                self._folder, local_files_only=True, use_safetensors=True, dtype=self._dtype
            )
        except Exception as error:  # transformers and safetensors raise many untyped classes
            line = str(error).strip().splitlines()[0]
            raise ModelError(f"depth.model: {self._config.model} cannot be loaded as a depth model: {line}") from error
        return model.to(self._device).eval()

    @torch.inference_mode()
    def infer(self, rgb: Tensor) -> tuple[Tensor, Tensor | None]:
        """Display-encoded `rgb` (B,3,H,W) in 0..1 -> disparity (B,1,h,w) and horizontal field of view (B,) degrees."""
        image = self._preprocessing.apply(rgb.to(self._device, torch.float32), self._config.long_side)
        output = self._model(pixel_values=image.to(self._dtype))
        value = output.predicted_depth.float()
        value = value[:, None] if value.ndim == 3 else value
        fov_deg = getattr(output, "field_of_view", None)
        if self._gives_depth:
            value = 1 / value.clamp(min=NEAREST_M if self.kind == "disparity_metric" else 1e-3)
        if fov_deg is not None:
            fov_deg = fov_deg.float().flatten()
            if not bool(((fov_deg > 1) & (fov_deg < 179)).all()):
                angle = fov_deg.tolist()[0]
                raise ModelError(f"depth.model: {self._config.model} gave a field of view of {angle:.3g} degrees")
            # Canonical inverse depth is for a focal length of one frame width (Bochkovskii et al., DepthPro, 2024)
            value = value.clamp(1e-4, 1e4) * (2 * torch.tan(torch.deg2rad(fov_deg) / 2)).view(-1, 1, 1, 1)
        return fit_to_frame(value, rgb.shape[-2], rgb.shape[-1]), fov_deg


def what_it_gives(model: dict[str, Any], config: TransformersConfig) -> tuple[bool, bool]:
    """Whether the model gives depth (not disparity), and whether that is metric. Raises ConfigError."""
    if config.metric is not None:
        return config.output == "depth", config.metric
    kind = model["model_type"]
    if kind not in _GIVES:
        raise ConfigError(
            f"depth.output: what a {kind} gives is not known; say depth.output=disparity|depth and depth.metric=true|false"
        )
    if model.get("depth_estimation_type") == "metric":
        return True, True
    if kind == "depth_pro":
        return False, bool(model.get("use_fov_model", False))
    output, is_metric = _GIVES[kind]
    return output == "depth", is_metric


def find_model(config: TransformersConfig) -> Path:
    """The folder with the model's files; from the hub's cache, or the hub itself where that is allowed."""
    folder = Path(config.model).expanduser()
    if not folder.is_dir():
        if config.model.startswith(("/", ".", "~")):
            raise ModelError(f"depth.model: no such folder {folder}; give a local folder or a name such as owner/model")
        folder = _find_in_hub_cache(config)
    for needed in ("config.json", "*.safetensors"):
        if not any(folder.glob(needed)):
            raise ModelError(f"depth.model: {folder} holds no {needed}; {_how_to_get(config)}")
    return folder


def _find_in_hub_cache(config: TransformersConfig) -> Path:
    from huggingface_hub import snapshot_download

    try:
        path = snapshot_download(
            config.model,
            revision=config.revision,
            allow_patterns=_FILES,
            local_files_only=not config.download,
        )
    except Exception as error:  # the hub's client raises many classes, for names, networks and caches
        reason = f" ({str(error).strip().splitlines()[0]})" if config.download else ""
        raise ModelError(
            f"depth.model: {config.model} is not on this machine{reason}; {_how_to_get(config)}"
        ) from error
    return Path(path)


def _how_to_get(config: TransformersConfig) -> str:
    if config.download:
        return "check the name and the connection, or give a local folder"
    return f"say depth.download=true, or run: hf download {config.model}, or give a local folder"


def hash_weights(folder: Path) -> str:
    """One SHA-256 over config, preprocessor and weight files, in name order."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _FILES for path in folder.glob(pattern)}):
        digest.update(f"{path.name} {hash_file(path)}\n".encode())
    return digest.hexdigest()


def _read_config(transformers: Any, folder: Path) -> dict[str, Any]:
    """Return config.json with the defaults that it leaves out."""
    try:
        return transformers.AutoConfig.from_pretrained(folder, local_files_only=True).to_dict()
    except Exception as error:  # transformers raises many untyped classes
        line = str(error).strip().splitlines()[0]
        raise ModelError(f"depth.model: {folder / 'config.json'} is not a depth model's: {line}") from error


def _import_transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise BackendError(
            "depth=transformers: the package is not installed; pip install 'vdof[transformers]'"
        ) from error
    return transformers
