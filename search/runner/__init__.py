"""A launch from start to end, its views and its signals."""
