"""Depth and coc for other programs: what is written, and that vdof reads it back as the same blur."""

import json

import cv2
import numpy as np
import OpenEXR
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from tests.clips import write_clip
from tests.test_pipeline import HEIGHT, SCALE, WIDTH, draw_stripes, write_depth
from vdof import pipeline, second_pass
from vdof.config import build, find_conf, register_schemas
from vdof.depth.files import read_map
from vdof.errors import ConfigError, OutputError
from vdof.export.frames import COC_SCALE, COC_ZERO, DISPARITY_SCALE, FAR_M, ExportConfig, to_metres
from vdof.video.grey import read_grey

COMMON = ("stabilise=off", "frames=3:6", "lens.f_number=1.2", "focus.distance_m=2.5")


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4", size=(WIDTH, HEIGHT), picture=draw_stripes)


@pytest.fixture
def export(tmp_path, clip):
    """Run one job; returns its folder."""

    def run(name, *overrides):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        register_schemas()
        with initialize_config_dir(version_base="1.3", config_dir=str(find_conf())):
            tree = compose(
                "config",
                overrides=[
                    f"input={clip}",
                    "cache.enabled=false",
                    "check.enabled=false",
                    "depth=files",
                    *COMMON,
                    *overrides,
                ],
            )
        GlobalHydra.instance().clear()
        pipeline.run(build(tree), folder)
        return folder

    return run


@pytest.fixture
def first(tmp_path):
    """The overrides of a run with depth at half the frame's size."""
    depth = write_depth(tmp_path / "depth.mkv", 12, WIDTH // 2, HEIGHT // 2)
    return [f"depth.path={depth}", f"depth.scale={SCALE}"]


def read_coc(folder):
    """Signed coc px of frames 3..5, whatever the format."""
    if (folder / "coc.mkv").exists():
        return [(codes - COC_ZERO) * COC_SCALE for codes in read_grey(folder / "coc.mkv")]
    paths = sorted((folder / "coc").iterdir())
    assert [path.stem for path in paths] == ["coc.000003", "coc.000004", "coc.000005"]
    if paths[0].suffix == ".png":
        return [(read_map(path) - COC_ZERO) * COC_SCALE for path in paths]
    with OpenEXR.File(str(paths[0]), separate_channels=True) as file:
        assert list(file.channels()) == ["coc"]
    return [OpenEXR.File(str(path), separate_channels=True).channels()["coc"].pixels for path in paths]


@pytest.mark.parametrize("form", ["exr", "png16", "ffv1"])
def test_read_back_gives_the_same_blur(export, first, form):
    once = export("once", *first, f"export.depth={form}", f"export.coc={form}")
    record = json.loads((once / "export.json").read_text())
    again = record["depth"]["read_back"].replace(
        f"path={record['depth']['path']}", f"path={once}/{record['depth']['path']}"
    )
    twice = export("twice", *again.split()[1:-1], "export.coc=exr")
    for before, after in zip(read_coc(once), read_coc(twice), strict=True):
        assert before.min() < -2
        assert before.max() > 2
        assert np.abs(before - after).max() < 0.05


def test_exr_holds_metres_and_the_lens(export, first):
    folder = export("run", *first, "export.depth=exr")
    assert {path.name for path in folder.iterdir()} >= {"depth", "export.json"}
    assert not (folder / "coc").exists()
    paths = sorted((folder / "depth").iterdir())
    assert [path.name for path in paths] == [f"depth.00000{index}.exr" for index in (3, 4, 5)]
    with OpenEXR.File(str(paths[0]), separate_channels=True) as file:
        header, depth = dict(file.header()), file.channels()["Z"].pixels.copy()
    assert depth.dtype == np.float32
    assert (depth[0, 0], depth[60, 64]) == (pytest.approx(10, rel=1e-3), pytest.approx(2, rel=1e-3))
    assert header["nominalFocalLength"] == 85
    assert header["aperture"] == pytest.approx(1.2)
    assert header["focus"] == 2.5
    assert header["sensorOverallDimensions"] == pytest.approx([36, 27])
    assert header["imageCounter"] == 3


def test_record_says_units_lens_and_focus(export, first):
    folder = export("run", *first, "export.depth=png16", "export.coc=ffv1")
    record = json.loads((folder / "export.json").read_text())
    assert record["first_frame"] == 3
    assert record["depth"]["scale"] == DISPARITY_SCALE
    assert record["coc"]["path"] == "coc.mkv"
    assert [frame["frame"] for frame in record["frames"]] == [3, 4, 5]
    assert record["frames"][0]["focus_distance_m"] == 2.5
    codes = cv2.imread(str(folder / "depth" / "depth.000003.png"), cv2.IMREAD_UNCHANGED)
    assert codes.dtype == np.uint16
    assert codes[60, 64] * DISPARITY_SCALE == pytest.approx(0.5, rel=1e-3)


def test_names_follow_the_output_and_nothing_is_replaced_unasked(export, first, tmp_path):
    arguments = [*first, "export.depth=exr", f"output={tmp_path}/take.mp4"]
    export("run", *arguments)
    assert (tmp_path / "take.depth" / "depth.000003.exr").is_file()
    assert (tmp_path / "take.export.json").is_file()
    for name in (
        "take.mp4",
        "take.shot_log.yaml",
        "take.run.json",
        "take.before_after_1.png",
        "take.before_after_2.png",
    ):
        (tmp_path / name).unlink()
    with pytest.raises(OutputError, match="take.depth exists; choose another output or say overwrite=true"):
        export("run", *arguments)
    (tmp_path / "take.depth" / "mine.txt").write_text("")
    with pytest.raises(OutputError, match=r"holds other files \(mine.txt\)"):
        export("run", *arguments, "overwrite=true")
    (tmp_path / "take.depth" / "mine.txt").unlink()
    export("run", *arguments, "overwrite=true", "frames=4:6")
    assert len(list((tmp_path / "take.depth").iterdir())) == 2


def test_nothing_is_left_when_it_breaks_off(export, first, tmp_path, monkeypatch):
    monkeypatch.setattr(second_pass, "render_coc", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export("run", *first, "export.depth=exr", "export.coc=ffv1", f"export.dir={tmp_path}/deep/down")
    assert list((tmp_path / "deep" / "down").iterdir()) == []


def test_infinity_is_ten_kilometres():
    metres = to_metres(np.array([[0, 1e-6, 0.5]], np.float32))
    assert metres.tolist() == [[FAR_M, FAR_M, 2]]


def test_clipping_is_said_once(export, first, caplog):
    export("run", *first[:1], "depth.scale=1e-3", "export.depth=png16")
    messages = [record.getMessage() for record in caplog.records if "clipped" in record.getMessage()]
    assert messages == ["export.depth: values nearer than 0.1 m are clipped in 16 bit; use export.depth=exr"]


def test_bad_format_is_refused():
    with pytest.raises(ConfigError, match="export.depth: got 'tiff', expected one of exr, png16, ffv1"):
        ExportConfig(depth="tiff")


def test_maps_of_the_clips_own_frame_numbers(tmp_path):
    from vdof.depth import FilesConfig, estimate_stream, open_estimator
    from vdof.shots import AnalysisFrame

    for index in range(4):
        np.savez(tmp_path / f"{index}.npz", np.full((48, 64), index + 1.0))
    frames = [AnalysisFrame(position, position, torch.zeros(1, 3, 48, 64)) for position in range(2)]

    def read(first_index, **values):
        cpu = torch.device("cpu")
        estimator = open_estimator(FilesConfig(path=str(tmp_path), **values), cpu)
        return [frame.disparity.mean().item() for frame in estimate_stream(estimator, frames, cpu, first_index)]

    assert read(0) == [1, 2]
    assert read(2) == [3, 4]
    assert read(2, first_frame=1) == [2, 3]
