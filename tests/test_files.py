import pytest

from vdof.errors import OutputError
from vdof.files import hash_file, replace_when_whole, write_text


def test_hash_of_a_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert hash_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def break_off(path):
    with replace_when_whole(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("power cut")


def test_text_is_whole_or_not_there(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_text(path, "whole")
    assert path.read_text() == "whole"
    with pytest.raises(RuntimeError, match="power cut"):
        break_off(path)
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_text(tmp_path / "file" / "a.txt", "")
