"""Journal files: names, owners, torn tails."""

import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import StorageError
from workbench.store import BLOCK, Owner, journal_path, journal_storage, load_study, mend


@pytest.mark.parametrize("name", ["mlp", "my run 2", "a.b-c", "Größe"])
def test_plain_names_are_file_names(name):
    assert journal_path(name) == Path("runs") / f"{name}.journal"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "a\\b", "..", "CON:", "🎉", "<script>alert('x')</script>",
                                  "x" * 500, "a\nb", "a\0b", ".hidden", "trailing "])
def test_other_names_stay_inside_the_folder_and_apart_from_each_other(name):
    path = journal_path(name)
    assert path.parent == Path("runs")
    assert len(path.name.encode()) < 200
    assert not set(path.name) & set("/\\\0\n<>:\"'|?*")
    assert path != journal_path(name + "!")


@pytest.mark.parametrize("name", ["", "  ", None, 3])
def test_a_name_must_be_a_text(name):
    with pytest.raises(StorageError, match="must be a text"):
        journal_path(name)


def test_one_owner_at_a_time(tmp_path):
    a, b = Owner(tmp_path / "r.journal"), Owner(tmp_path / "r.journal")
    assert a.is_free()
    assert a.acquire()
    assert a.acquire()
    assert not b.acquire()
    assert not b.is_free()
    a.release()
    assert b.is_free()
    assert b.acquire()
    b.release()


def test_the_lock_goes_with_its_process(tmp_path):
    code = f"""
from pathlib import Path
from workbench.store import Owner
o = Owner(Path({str(tmp_path)!r}) / "r.journal"); print(o.acquire(), flush=True); input()
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "True\n"
    owner = Owner(tmp_path / "r.journal")
    assert not owner.acquire()
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    assert owner.acquire()
    owner.release()


@pytest.mark.parametrize("n_torn", [1, 50, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
def test_a_torn_line_is_cut_off_and_kept_beside_the_file(tmp_path, n_torn):
    path = tmp_path / "r.journal"
    path.write_bytes(b'{"a":1}\n{"b":2}\n' + b"x" * n_torn)
    torn = mend(path)
    assert path.read_bytes() == b'{"a":1}\n{"b":2}\n'
    assert torn.read_bytes() == b"x" * n_torn


@pytest.mark.parametrize("content", [b"", b'{"a":1}\n'])
def test_a_whole_file_is_left_alone(tmp_path, content):
    path = tmp_path / "r.journal"
    path.write_bytes(content)
    assert mend(path) is None
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_left_by_a_dead_writer_is_removed(tmp_path):
    path = tmp_path / "r.journal"
    path.write_bytes(b"")
    lock = tmp_path / "r.journal.lock"
    lock.symlink_to(path)
    mend(path)
    assert not lock.is_symlink()


@pytest.mark.parametrize("content", ["no json at all\nreally\n", '{"op_code": 99}\n', '{"op_code": 4}\n', "[1]\n", "\0\0\n\n",
                                     '{"op_code": 0, "worker_id": "x", "study_name": "r", "directions": [7]}\n'])
def test_a_file_that_is_no_journal_is_refused(tmp_path, content):
    path = tmp_path / "r.journal"
    path.write_text(content)
    with pytest.raises(StorageError, match="is not a journal|holds no run"):
        load_study(journal_storage(path), "r", str(path))


def test_an_unknown_study_is_told_with_those_that_are_there(tmp_path):
    import optuna

    storage = journal_storage(tmp_path / "r.journal")
    optuna.create_study(storage=storage, study_name="here")
    with pytest.raises(StorageError, match=r"holds no run 'there'. It holds \['here'\]"):
        load_study(storage, "there", "the file")
