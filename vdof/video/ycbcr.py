"""The affine map between code values of YCbCr and RGB, after ITU-R BT.601, BT.709, BT.2020 and H.273."""

import torch

_KR_KB = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
}


def map_codes_to_rgb(matrix: str, bit_depth: int, *, is_full_range: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """(3,3) gain and (3,1) offset, float64: rgb in 0..1 = gain @ (y, cb, cr codes) + offset."""
    kr, kb = _KR_KB[matrix]
    kg = 1 - kr - kb
    from_ycbcr = torch.tensor(
        [
            [1, 0, 2 * (1 - kr)],
            [1, -2 * kb * (1 - kb) / kg, -2 * kr * (1 - kr) / kg],
            [1, 2 * (1 - kb), 0],
        ],
        dtype=torch.float64,
    )
    unit, largest = 2 ** (bit_depth - 8), 2**bit_depth - 1
    spans = (largest, largest, largest) if is_full_range else (219 * unit, 224 * unit, 224 * unit)
    zeros = torch.tensor([0 if is_full_range else 16 * unit, 128 * unit, 128 * unit], dtype=torch.float64)
    gain = from_ycbcr / torch.tensor(spans, dtype=torch.float64)
    return gain, -(gain @ zeros)[:, None]


def map_rgb_to_codes(matrix: str, bit_depth: int, *, is_full_range: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The inverse: codes, not rounded = gain @ rgb + offset."""
    gain, offset = map_codes_to_rgb(matrix, bit_depth, is_full_range=is_full_range)
    inverse = torch.linalg.inv(gain)
    return inverse, -(inverse @ offset)
