"""`flow.method=dis`: OpenCV's Dense Inverse Search (Kroeger, Timofte, Dai, Van Gool, ECCV 2016)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vdof.flow.config import PRESETS, FlowConfig
from vdof.flow.images import check_frames, import_cv2, resize_array, resize_flow, to_grey

_SMALLEST_SIDE = 24
"""px: DIS needs a few patches of 8 px on its coarsest level; smaller frames are enlarged first."""


class DisFlow:
    """Dense flow by OpenCV's DIS. Holds the solver, so one object serves one thread."""

    def __init__(self, config: FlowConfig | None = None) -> None:
        cv2 = import_cv2()
        self.config = config or FlowConfig()
        self._solver = cv2.DISOpticalFlow_create(PRESETS.index(self.config.preset))

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the flow (1,2,h,w) px from a to b.

        a, b: (1,3,h,w) display-encoded RGB 0..1, or (1,1,h,w) grey 0..1, of one size.
        """
        check_frames(a, b)
        flow = self.between_grey(to_grey(a), to_grey(b))
        return torch.from_numpy(flow).permute(2, 0, 1)[None].to(a.device)

    def between_grey(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the flow (h,w,2) px float32 from a to b, both (h,w) uint8."""
        h, w = a.shape
        scale = max(min(1.0, self.config.long_side / max(h, w)), _SMALLEST_SIDE / min(h, w))
        if scale == 1.0:
            return self._solver.calc(a, b, None)
        size = (round(h * scale), round(w * scale))
        flow = self._solver.calc(resize_array(a, size), resize_array(b, size), None)
        return resize_flow(flow, (h, w))
