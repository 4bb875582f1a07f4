"""A study on the whole service: what a launch records stands in both databases and the bucket."""

from __future__ import annotations

from studyhall.search.sync.doctor import examine


def test_a_study_on_the_service_is_whole_after_every_part_was_restarted(served):
    stack = served.stack
    summary = served.launch(study={"name": "whole", "trials": 3})
    assert (summary.complete, summary.champion_version) == (3, "1")
    assert len(list(stack.bucket.rglob("*.safetensors"))) >= 3
    assert not list(served.folder.rglob("*.safetensors"))
    for part in (stack.postgres, stack.s3, stack.mlflow):
        part.restart()
    examination = examine("whole", served.options())
    assert examination.healthy, examination.found
