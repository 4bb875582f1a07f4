import numpy as np
import pytest

from studyhall.model import Examples, Preprocessing

INDICES = np.array([5, 2, 129, 5])
POISONED = np.zeros((130, 4, 4, 3), np.float32)
POISONED[3, 1, 0, 2] = np.nan


def test_gather_returns_preprocessed_images_with_their_labels(images, labels, preprocessing):
    inputs, gathered = Examples(images, labels, INDICES, preprocessing).gather(INDICES)
    raw = images[INDICES].reshape(4, -1)
    np.testing.assert_array_equal(inputs, preprocessing.apply(raw, np.empty((4, 48), np.float32)))
    np.testing.assert_array_equal(gathered, labels[INDICES])
    assert inputs.dtype == np.float32
    assert gathered.dtype == np.int64


@pytest.mark.parametrize("chunk", [1, 3, 500])
def test_chunks_hold_everything_in_order(validation, labels, chunk, monkeypatch):
    monkeypatch.setattr("studyhall.model.examples.CHUNK", chunk)
    chunks = [(inputs.copy(), of) for inputs, of in validation.chunks()]
    assert max(len(of) for _, of in chunks) == min(chunk, 30)
    np.testing.assert_array_equal(np.concatenate([of for _, of in chunks]), labels[100:])
    everything, _ = validation.gather(np.arange(100, 130))
    np.testing.assert_array_equal(np.concatenate([inputs for inputs, _ in chunks]), everything)


def test_memory_mapped_images_are_read_in_place(images, labels, preprocessing, tmp_path):
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    examples = Examples(mapped, labels, INDICES, preprocessing)
    assert np.shares_memory(examples._all, mapped)
    expected, _ = Examples(images, labels, INDICES, preprocessing).gather(INDICES)
    np.testing.assert_array_equal(examples.gather(INDICES)[0], expected)


def test_measurements_that_are_no_bytes_are_taken_as_they_are():
    points = np.array([[0.5, -1.5], [2.0, 3.0]], np.float32)
    preprocessing = Preprocessing.fit(points, np.arange(2), "none")
    examples = Examples(points, np.array([0, 1]), np.arange(2), preprocessing)
    np.testing.assert_array_equal(examples.gather(np.arange(2))[0], points)


def test_mirrored_images_are_flipped_left_to_right_and_the_others_not(images, labels):
    preprocessing = Preprocessing.fit(images, np.arange(100), "none")
    examples = Examples(images, labels, INDICES, preprocessing)
    mirrored = np.array([True, False, False, True])
    inputs, _ = examples.gather(INDICES, mirrored)
    expected = images[INDICES].astype(np.float32)
    expected[mirrored] = expected[mirrored][:, :, ::-1]
    np.testing.assert_array_equal(inputs.reshape(4, 4, 4, 3), expected)


def test_batches_reuse_one_buffer(images, labels, preprocessing):
    examples = Examples(images, labels, INDICES, preprocessing)
    assert np.shares_memory(examples.gather(INDICES)[0], examples.gather(INDICES[:2])[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"raw": np.zeros((130, 4), int)},
            r"examples: must be uint8 or floating .* got int64",
        ),
        ({"raw": np.zeros(130, np.uint8)}, r"got uint8 \(130,\)"),
        ({"raw": POISONED}, r"^examples: must be finite, got nan in example 3 at \(1, 0, 2\)$"),
        ({"labels": np.zeros(129, int)}, r"labels: must be 130 whole numbers, got int64 \(129,\)"),
        ({"labels": np.zeros(130)}, "labels: must be 130 whole numbers, got float64"),
        ({"indices": np.array([0, 130])}, "indices: must be from 0 to 129, got 0 to 130"),
        ({"indices": np.array([-1, 3])}, "got -1 to 3"),
        ({"indices": np.zeros(0, int)}, "indices: must be a vector of at least one"),
        ({"indices": np.ones(130, bool)}, "whole number, got bool"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(images, labels, preprocessing, changes, message):
    arguments = {"raw": images, "labels": labels, "indices": INDICES, **changes}
    with pytest.raises(ValueError, match=message):
        Examples(**arguments, preprocessing=preprocessing)
