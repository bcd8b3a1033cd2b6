"""`task=exchange`: the shot log from one kind of file into another, by the endings of `shot_log` and `output`."""

from pathlib import Path

from vdof.config import VdofConfig
from vdof.errors import ConfigError, OutputError
from vdof.files import write_text
from vdof.say import say
from vdof.shotlog.exchange import export_log
from vdof.shotlog.gather import gather_log
from vdof.video import probe


def run(config: VdofConfig, run_folder: Path) -> None:
    """Convert; `input=CLIP` supplies the frame rate of what does not say its own."""
    del run_folder
    if config.shot_log is None or config.output is None:
        raise ConfigError(
            "task=exchange: give shot_log=FROM and output=TO, such as shot_log=cuts.edl output=shot_log.yaml"
        )
    output = Path(config.output)
    if output.exists() and not config.overwrite:
        raise OutputError(f"output: {output} exists; choose another output or say overwrite=true")
    rate = probe(Path(config.input), config.video).frame_rate if config.input else None
    found = gather_log(Path(config.shot_log), rate)
    write_text(output, export_log(found, output))
    say(f"wrote {output}: {len(found.shots)} shots")
