"""The user's copies of published data: every form is read, and every mistake reported."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.data.datasets import fetch
from studyhall.search.data.verification import verify

NEXT_STEP = "name a whole copy in a folder or archive with --data-dir or STUDYHALL_DATA"


@pytest.fixture
def copies(tiny: Any, tmp_path: Path) -> dict[str, Path]:
    """The data set in every form that a user may name."""
    outer = tmp_path / "copies"
    authors, package = tiny.authors_files, tiny.package_files
    return {
        "authors' folder": tiny.folder(outer / "cifar-10-batches-py", authors),
        "folder above the authors'": tiny.folder(
            outer / "1" / "cifar-10-batches-py", authors
        ).parent,
        "authors' archive": tiny.authors_archive(outer / "any name"),
        "folder with the archive": tiny.authors_archive(
            tiny.folder(outer / "2", {}) / "tiny.tar.gz"
        ).parent,
        "archive in another order": tiny.tar(
            outer / "reversed.tgz", dict(reversed({**authors, "readme.html": b"?"}.items()))
        ),
        "package's folder": tiny.folder(outer / "package", package),
        "package's archive": tiny.tar(outer / "package.tgz", package),
    }


@pytest.mark.parametrize(
    "form",
    [
        "authors' folder",
        "folder above the authors'",
        "authors' archive",
        "folder with the archive",
        "archive in another order",
        "package's folder",
        "package's archive",
    ],
)
@pytest.mark.parametrize("by_variable", [False, True])
def test_every_form_that_the_user_names_is_read(
    tiny: Any,
    cache: Path,
    copies: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    by_variable: bool,
) -> None:
    if by_variable:
        monkeypatch.setenv("STUDYHALL_DATA", str(copies[form]))
    folder = fetch(tiny.info, data_dir=None if by_variable else copies[form])
    assert folder == cache / "tiny"
    assert verify(tiny.info).intact


def test_the_option_comes_before_the_variable(
    tiny: Any, cache: Path, copies: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDYHALL_DATA", "/nowhere")
    fetch(tiny.info, data_dir=copies["authors' folder"])
    with pytest.raises(UsageError, match=r"^STUDYHALL_DATA: must name"):
        fetch(tiny.info)


def test_a_named_source_is_read_again_when_it_changes_and_not_before(
    tiny: Any, cache: Path, copies: dict[str, Path], steps: Any
) -> None:
    named = copies["authors' folder"]
    fetch(tiny.info, data_dir=named)
    fetch(tiny.info, data_dir=named, progress=steps)
    assert steps.steps == []
    (named / "data_batch_4").write_bytes(b"spoilt")
    with pytest.raises(UsageError, match="data_batch_4"):
        fetch(tiny.info, data_dir=named)
    assert verify(tiny.info).intact


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "missing",
            "a folder or archive that can be read, got {place} (No such file or directory)",
        ),
        ("empty", "a folder with the files of tiny (data_batch_1, data_batch_2, ...), got {place}"),
    ],
)
def test_a_named_place_without_data_is_refused(
    tiny: Any, cache: Path, tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    place = tmp_path / name
    with pytest.raises(UsageError) as caught:
        fetch(tiny.info, data_dir=place)
    assert str(caught.value) == f"--data-dir: must name {reason.format(place=place)}; {NEXT_STEP}"
    assert caught.value.exit_code == 2


def _changed_pixel(tiny: Any, files: dict[str, bytes]) -> None:
    images = tiny.images[1].copy()
    images[7, 0, 0, 0] ^= 1
    files["data_batch_2"] = tiny.pickle(images, tiny.labels[1].tolist())


def _changed_label(tiny: Any, files: dict[str, bytes]) -> None:
    labels = tiny.labels[5].tolist()
    labels[3] = (labels[3] + 1) % 10
    files["test_batch"] = tiny.pickle(tiny.images[5], labels)


def _label_out_of_range(tiny: Any, files: dict[str, bytes]) -> None:
    files["data_batch_3"] = tiny.pickle(tiny.images[2], [*tiny.labels[2, 1:].tolist(), 11])


def _missing(tiny: Any, files: dict[str, bytes]) -> None:
    del files["data_batch_5"]


def _cut_short(tiny: Any, files: dict[str, bytes]) -> None:
    files["data_batch_1"] = files["data_batch_1"][:-5000]


def _too_large(tiny: Any, files: dict[str, bytes]) -> None:
    files["data_batch_1"] = bytes((64 << 20) + 1)


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (_changed_pixel, "must be tiny to the byte, got other images of data_batch_2"),
        (_changed_label, "must be tiny to the byte, got other labels of test_batch"),
        (_label_out_of_range, "data_batch_3: labels must be 0 to 9, got 11 for image 19"),
        (
            _missing,
            "must hold all of tiny, got nothing of the images of data_batch_5, "
            "the labels of data_batch_5",
        ),
        (
            _cut_short,
            "data_batch_1: must be one of the authors' pickles, got pickle data was truncated",
        ),
        (
            _too_large,
            "must be whole and readable, "
            "got 'data_batch_1 has 67108865 bytes, at most 67108864 are expected'",
        ),
    ],
)
@pytest.mark.parametrize("archived", [False, True])
def test_spoilt_data_are_refused_by_file_and_rule_and_leave_nothing(
    tiny: Any, cache: Path, tmp_path: Path, spoil: Any, rule: str, archived: bool
) -> None:
    files = tiny.authors_files
    spoil(tiny, files)
    place, note = tmp_path / "cifar-10-batches-py", ""
    if archived:
        tiny.tar(place, files)
        found = tiny.served_from("", place).origin.archive.md5
        note = f" (its MD5 is {found}, the authors' archive has {'0' * 32})"
    else:
        tiny.folder(place, files)
    with pytest.raises(UsageError) as caught:
        fetch(tiny.info, data_dir=place)
    assert str(caught.value) == f"{place}: {rule}{note}; {NEXT_STEP}"
    assert [path.name for path in cache.iterdir()] == ["tiny.lock"]


@pytest.mark.parametrize("kept", [0, 5, 1000, 300_000])
def test_an_archive_cut_short_is_refused_with_its_md5(
    tiny: Any, cache: Path, tmp_path: Path, kept: int
) -> None:
    archive = tiny.authors_archive(tmp_path / "short.tar.gz")
    archive.write_bytes(archive.read_bytes()[:kept])
    with pytest.raises(UsageError) as caught:
        fetch(tiny.info, data_dir=archive)
    message = str(caught.value)
    assert message.startswith(f"{archive}: must be whole and readable, got '")
    assert (
        f"(its MD5 is {tiny.served_from('', archive).origin.archive.md5}, the authors'" in message
    )
    assert "\n" not in message
    assert [path.name for path in cache.iterdir()] == ["tiny.lock"]


def test_one_byte_changed_anywhere_in_an_archive_is_found(
    tiny: Any, cache: Path, tmp_path: Path
) -> None:
    archive = tiny.authors_archive(tmp_path / "spoilt.tar.gz")
    whole = archive.read_bytes()
    for position in range(500, len(whole) - 500, len(whole) // 7):
        content = bytearray(whole)
        content[position] ^= 1
        archive.write_bytes(content)
        with pytest.raises(UsageError, match=f"^{archive}: must be .* MD5 is "):
            fetch(tiny.info, data_dir=archive)


def test_a_stretch_that_cannot_be_decompressed_is_refused(
    tiny: Any, cache: Path, tmp_path: Path
) -> None:
    archive = tiny.authors_archive(tmp_path / "spoilt.tar.gz")
    content = bytearray(archive.read_bytes())
    content[100_000:170_000] = b"\xff" * 70_000
    archive.write_bytes(content)
    with pytest.raises(UsageError, match=f"^{archive}: must be whole and readable, got 'Error -3 "):
        fetch(tiny.info, data_dir=archive)


def test_an_error_of_several_lines_becomes_one_sentence(
    tiny: Any, cache: Path, tmp_path: Path
) -> None:
    files = tiny.authors_files | {"data_batch_2": b"\x80\x02Pspoilt\n."}
    with pytest.raises(UsageError, match="got A load persistent id instruction") as caught:
        fetch(tiny.info, data_dir=tiny.folder(tmp_path / "spoilt", files))
    assert "\n" not in str(caught.value)


def test_links_in_an_archive_are_not_followed(tiny: Any, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(tiny.authors_files["data_batch_1"])
    files = tiny.authors_files
    del files["data_batch_1"]
    archive = tmp_path / "linked.tar"
    tiny.folder(tmp_path / "files", files)
    with tarfile.open(archive, "w") as writer:
        for name in files:
            writer.add(tmp_path / "files" / name, name)
        link = tarfile.TarInfo("data_batch_1")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        writer.addfile(link)
    with pytest.raises(UsageError, match="got nothing of the images of data_batch_1"):
        fetch(tiny.info, data_dir=archive)
