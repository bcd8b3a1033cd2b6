import cv2
import numpy as np
import OpenEXR
import pytest
import torch

from vdof.depth import FilesConfig
from vdof.depth.files import FilesEstimator
from vdof.errors import ConfigError, InputError
from vdof.video.grey import GreyWriter, read_grey

RGB = torch.zeros(1, 3, 48, 64)
DEPTH = np.linspace(0.5, 20, 48 * 64, dtype=np.float32).reshape(48, 64)


def write_exr(path, values):
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"Z": values}) as file:
        file.write(str(path))


def write_video(path, codes):
    with GreyWriter(path, *codes[0].shape) as writer:
        for code in codes:
            writer.write(code)


def estimate(path, indices=(0,), **values):
    return FilesEstimator(FilesConfig(path=str(path), **values)).estimate(RGB.expand(len(indices), -1, -1, -1), indices)


def test_exr_depth_in_metres_becomes_disparity(tmp_path):
    values = DEPTH.copy()
    values[0, 0] = np.inf
    write_exr(tmp_path / "0001.exr", values)
    disparity = estimate(tmp_path, convention="depth_m")[0, 0].numpy()
    assert disparity[0, 0] == 0
    assert disparity.ravel()[1:] == pytest.approx(1 / DEPTH.ravel()[1:], rel=1e-6)


def test_png16_in_millimetres(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), (DEPTH * 1000).astype(np.uint16))
    disparity = estimate(tmp_path, convention="depth_m", scale=0.001)[0, 0].numpy()
    assert disparity == pytest.approx(1 / DEPTH, rel=3e-3)


def test_npz_relative_inverse_may_be_negative(tmp_path):
    np.savez(tmp_path / "a.npz", DEPTH - 3)
    estimator = FilesEstimator(FilesConfig(path=str(tmp_path), convention="inverse"))
    assert estimator.kind == "disparity_relative"
    assert estimator.estimate(RGB, [0])[0, 0].numpy() == pytest.approx(DEPTH - 3)


def test_grey_video_is_bit_exact_and_seekable(tmp_path):
    path = tmp_path / "depth.mkv"
    codes = [np.full((48, 64), 1000 * (i + 1) + 7, np.uint16) for i in range(5)]
    write_video(path, codes)
    assert [frame[0, 0] for frame in read_grey(path)] == [1007, 2007, 3007, 4007, 5007]
    estimator = FilesEstimator(FilesConfig(path=str(path), scale=1e-4))
    assert estimator.kind == "disparity_metric"
    for index in (1, 2, 4, 0):
        assert estimator.estimate(RGB, [index])[0, 0, 0, 0] == pytest.approx(0.1 * (index + 1) + 7e-4)


def test_description_changes_with_the_content(tmp_path):
    np.savez(tmp_path / "a.npz", DEPTH)
    before = FilesEstimator(FilesConfig(path=str(tmp_path))).describe()
    np.savez(tmp_path / "a.npz", DEPTH + 1)
    assert FilesEstimator(FilesConfig(path=str(tmp_path))).describe() != before


@pytest.mark.parametrize(
    ("values", "config", "message"),
    [
        (np.full((48, 64), -1.0), {"convention": "depth_m"}, "depth of 0 m or less at frame 0"),
        (np.full((48, 64), -1.0), {"convention": "disparity"}, "negative disparity at frame 0.*inverse"),
        (np.full((48, 64), 9000.0), {"convention": "disparity"}, "nearer than 5 cm.*depth.scale.*inverse"),
        (np.full((48, 64), np.nan), {"convention": "inverse"}, "NaN or infinite disparity at frame 0"),
        (np.ones((48, 64, 3)), {}, r"holds \(48, 64, 3\), expected one channel"),
    ],
)
def test_unusable_maps_are_refused(tmp_path, values, config, message):
    np.savez(tmp_path / "a.npz", values)
    with pytest.raises(InputError, match=message):
        estimate(tmp_path, **config)


def test_too_few_maps_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", DEPTH)
    with pytest.raises(InputError, match="frame 1 has no map, .* holds 1"):
        estimate(tmp_path, indices=(0, 1))
    path = tmp_path / "one.mkv"
    write_video(path, [np.ones((48, 64), np.uint16)])
    with pytest.raises(InputError, match="frame 3 has no map, .* holds 1"):
        estimate(path, indices=(3,))


def test_eight_bit_png_broken_and_missing_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        estimate(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no \.exr, \.png or \.npz"):
        estimate(tmp_path)
    cv2.imwrite(str(tmp_path / "a.png"), DEPTH.astype(np.uint8))
    with pytest.raises(InputError, match="uint8 pixels, expected 16 bit"):
        estimate(tmp_path)
    (tmp_path / "a.exr").write_bytes(b"not an exr")
    with pytest.raises(InputError, match="a.exr cannot be read"):
        estimate(tmp_path)


def test_bad_convention_and_scale_are_refused():
    with pytest.raises(ConfigError, match="depth.convention: got 'metres'"):
        FilesConfig(convention="metres")
    with pytest.raises(ConfigError, match="depth.scale: got 0"):
        FilesConfig(scale=0)


def test_maps_are_taken_in_the_order_of_their_numbers(tmp_path):
    for number in (0, 1, 2, 9, 10, 11):
        np.savez(tmp_path / f"d{number}.npz", np.full((48, 64), float(number)))
    assert [int(estimate(tmp_path, indices=(place,))[0, 0, 0, 0]) for place in range(6)] == [0, 1, 2, 9, 10, 11]
