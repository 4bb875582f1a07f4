"""Worker pools: joblib on this machine, Dask on a cluster, and what a worker does."""
