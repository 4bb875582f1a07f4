"""Reports, exports and comparisons of recorded studies."""
