"""`task=prompt`: the geometry sentence of every shot of a log, or, with `prompt=`, a log out of such sentences."""

from pathlib import Path

from vdof.config import VdofConfig
from vdof.errors import ConfigError, InputError, OutputError
from vdof.files import write_text
from vdof.say import say
from vdof.shotlog import dump_log
from vdof.shotlog.entry import ShotLog
from vdof.shotlog.gather import gather_log
from vdof.shotlog.look import look_at
from vdof.shotlog.prompt import from_prompt, write_prompt
from vdof.tasks.shots import CLIP_SUFFIXES


def run(config: VdofConfig, run_folder: Path) -> None:
    """Print sentences, or write the log that sentences give."""
    if config.prompt is not None:
        read_prompts(config, config.prompt, run_folder)
    elif config.shot_log is not None:
        write_prompts(config, Path(config.shot_log))
    else:
        raise ConfigError(
            "task=prompt: give shot_log=FILE to write its sentences, or prompt='85mm ...' to read one into a log"
        )


def write_prompts(config: VdofConfig, path: Path) -> None:
    """The sentence of every shot to standard output."""
    for entry in gather_log(path).shots:
        prompt = write_prompt(look_at(entry, config.lens))
        say(f"{entry.name}\n  {prompt.sentence}\n  negative: {prompt.negative}")
        if prompt.missing:
            say(f"  not in the log: {', '.join(prompt.missing)}")


def read_prompts(config: VdofConfig, text: str, run_folder: Path) -> None:
    """A log out of one sentence, or out of a text file with one a line; a folder as `input` gives each line its clip.

    Raises:
        InputError: several sentences and no folder with as many clips.
        OutputError: the log exists and may not be replaced.
    """
    is_file = text.endswith(".txt") and Path(text).is_file()
    sentences = Path(text).read_text(encoding="utf-8").splitlines() if is_file else [text]
    sentences = [sentence for sentence in sentences if sentence.strip()]
    clips = list_clips(config.input)
    if not sentences or (len(sentences) > 1 and len(clips) != len(sentences)):
        raise InputError(
            f"prompt: {len(sentences)} sentences for {len(clips)} clips in input={config.input or 'nothing'}; give a folder "
            "with one clip for each sentence, in order of name"
        )
    output = Path(config.output) if config.output else run_folder / "shot_log.yaml"
    if output.exists() and not config.overwrite:
        raise OutputError(f"output: {output} exists; choose another output or say overwrite=true")
    found = [
        from_prompt(sentence, f"shot {number}", clips[number] if number < len(clips) else None)
        for number, sentence in enumerate(sentences)
    ]
    write_text(output, dump_log(ShotLog(tuple(item.entry for item in found))))
    for item in found:
        say(f"{item.entry.name}: " + (f"not found: {', '.join(item.missing)}" if item.missing else "all found"))
        if item.unread:
            say(f"  kept as notes: {'; '.join(item.unread)}")
    say(f"wrote {output}")


def list_clips(path: str) -> list[str]:
    """File names of the clips of a folder, or of one clip."""
    if not path:
        return []
    folder = Path(path)
    if folder.is_dir():
        return sorted(item.name for item in folder.iterdir() if item.suffix.lower() in CLIP_SUFFIXES)
    return [folder.name]
