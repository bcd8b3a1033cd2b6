"""vdof: give any video clip a real lens.

Conventions, said once:

* images are `(B,3,H,W)` float32, scene-linear RGB with Rec.709 primaries unless tagged otherwise, values above 1 kept;
  "display-encoded" means the 0..1 values a screen receives;
* `disparity` (1/m, or relative: larger is nearer) and `coc` are `(B,1,H,W)`; `coc` is the signed *diameter* of the circle
  of confusion in pixels, positive behind the focus distance; `depth` is metres along the optical axis;
* `flow` is `(B,2,H,W)` in pixels, x then y;
* time is a presentation stamp (`pts`) with a `Fraction` time base;
* a `shot` is the run of frames between two cuts; "breathing" is blur that pulses without a cause in the lens or the scene
  (not the classical focus breathing, the frame widening as the focus moves).
"""

from vdof.bokeh import render
from vdof.check.breathing import breathing
from vdof.lens import Lens
from vdof.stabilise import stabilise

__all__ = ["Lens", "breathing", "render", "stabilise"]
