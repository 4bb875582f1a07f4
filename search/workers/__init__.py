"""Worker pools, and what a worker does.

- `pool`: what every pool does, and what it and its launch say to each other; `pool_choice`.
- On this machine: `local_pool`, with the `processes` that joblib's loky starts.
- On a Dask cluster: `dask_pool`; `cluster` is the connection, `cluster_calls` and `detached_task`
  are calls to workers, `cluster_check` looks at them before; on the workers `host` and
  `host_session`.
- One trial: `execution`, kept alive by its `heartbeat`.
- The end: `shutdown` ends a launch at once.
"""
