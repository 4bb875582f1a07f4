"""Standard streams that are closed, full, no longer read, or of another encoding than UTF-8."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys
from studyhall.search.common.streams import guard_streams, lost_output
guard_streams()
{lines}
lost = lost_output()
sys.exit(0 if lost is None else lost.errno)
"""
FULL = Path("/dev/full")


def run(lines: str, redirected: str = "", **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run lines in a process whose streams a shell has redirected; it ends with stdout's error."""
    script = SCRIPT.format(lines=lines)
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {redirected}', sys.executable, script],
        env={**os.environ, **variables},
        capture_output=True,
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_has_a_place_that_no_other_file_takes(tmp_path, closed):
    lines = f"""
print("out", flush=True); print("error", file=sys.stderr, flush=True); sys.stdin.read()
assert os.open({str(tmp_path / "file")!r}, os.O_CREAT | os.O_WRONLY) > 2
assert all(os.get_inheritable(number) for number in range(3))
"""
    done = run(lines, closed)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (b"" if " >&-" in f" {closed}" else b"out\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_an_encoding_lacks_is_printed_as_an_escape(encoding):
    done = run(r'print("\u00b1 \u6f22 \udcff")', PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    printed = "\u00b1 \u6f22 \udcff\n".encode(encoding, "backslashreplace")
    assert done.stdout == printed


@pytest.mark.skipif(not FULL.exists(), reason="this system has no full device")
def test_what_a_full_disk_does_not_take_is_told_at_the_end():
    done = run(
        'print("a", flush=True); print("b"); os.system("echo c"); print("d", file=sys.stderr)',
        f">{FULL}",
    )
    assert done.returncode == 28  # ENOSPC
    assert done.stderr == b"d\n"  # and nothing of the child's


def test_a_reader_that_had_enough_is_no_error():
    done = run('[print("a" * 1000, flush=True) for _ in range(1000)]', "| head -c 1")
    assert done.returncode == 0
    assert (done.stdout, done.stderr) == (b"a", b"")


def test_a_pipe_that_does_not_block_gets_everything():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    lines = 'print("a" * 1_000_000)'
    with subprocess.Popen([sys.executable, "-c", SCRIPT.format(lines=lines)], stdout=writer) as it:
        os.close(writer)
        with open(reader, "rb") as pipe:
            assert len(pipe.read()) == 1_000_001
    assert it.returncode == 0
