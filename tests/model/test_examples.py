import numpy as np
import pytest

from model import Examples

INDICES = np.array([5, 2, 129, 5])


def test_gather_returns_preprocessed_images_with_their_labels(images, labels, preprocessing):
    inputs, gathered = Examples(images, labels, INDICES, preprocessing).gather(INDICES)
    raw = images[INDICES].reshape(4, -1)
    np.testing.assert_array_equal(inputs, preprocessing.apply(raw, np.empty((4, 48), np.float32)))
    np.testing.assert_array_equal(gathered, labels[INDICES])
    assert inputs.dtype == np.float32
    assert gathered.dtype == np.int64


@pytest.mark.parametrize("chunk", [1, 3, 500])
def test_chunks_hold_everything_in_order(validation, labels, chunk, monkeypatch):
    monkeypatch.setattr("model.examples.CHUNK", chunk)
    chunks = [(inputs.copy(), of) for inputs, of in validation.chunks()]
    assert max(len(of) for _, of in chunks) == min(chunk, 30)
    np.testing.assert_array_equal(np.concatenate([of for _, of in chunks]), labels[100:])
    everything, _ = validation.gather(np.arange(100, 130))
    np.testing.assert_array_equal(np.concatenate([inputs for inputs, _ in chunks]), everything)


def test_memory_mapped_images_are_read_in_place(images, labels, preprocessing, tmp_path):
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    examples = Examples(mapped, labels, INDICES, preprocessing)
    assert np.shares_memory(examples._images, mapped)
    expected, _ = Examples(images, labels, INDICES, preprocessing).gather(INDICES)
    np.testing.assert_array_equal(examples.gather(INDICES)[0], expected)


def test_batches_reuse_one_buffer(images, labels, preprocessing):
    examples = Examples(images, labels, INDICES, preprocessing)
    assert np.shares_memory(examples.gather(INDICES)[0], examples.gather(INDICES[:2])[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((130, 4))}, "images: must be uint8"),
        ({"images": np.zeros(130, np.uint8)}, "images: must be uint8"),
        ({"labels": np.zeros(129, int)}, r"labels: must be 130 whole numbers, got int64 \(129,\)"),
        ({"labels": np.zeros(130)}, "labels: must be 130 whole numbers, got float64"),
        ({"indices": np.array([0, 130])}, "indices: must be from 0 to 129, got 0 to 130"),
        ({"indices": np.array([-1, 3])}, "got -1 to 3"),
        ({"indices": np.zeros(0, int)}, "indices: must be a vector of at least one"),
        ({"indices": np.ones(130, bool)}, "whole number, got bool"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(images, labels, preprocessing, changes, message):
    arguments = {"images": images, "labels": labels, "indices": INDICES, **changes}
    with pytest.raises(ValueError, match=message):
        Examples(**arguments, preprocessing=preprocessing)
