#!/bin/sh
# Start a Dask worker that has a working folder to itself, though all workers share a volume.
# The first folder that is free: one that a worker left, by `down` or a crash, is taken over by the
# next, which sends what still waits there. The lock goes when the process does.
set -eu
number=1
while mkdir -p "$STUDYHALL_HOME/$number"; do
  exec 9>"$STUDYHALL_HOME/$number.lock"
  if flock --nonblock 9; then break; fi
  number=$((number + 1))
done
export STUDYHALL_HOME="$STUDYHALL_HOME/$number"
cd "$STUDYHALL_HOME"
exec dask worker tcp://scheduler:8786 --nworkers 1 --nthreads 1 --local-directory /tmp/dask \
  --dashboard-address :0
