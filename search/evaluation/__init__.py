"""The test verdict, replay, reproduction and predictions."""
