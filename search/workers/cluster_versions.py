"""Which Dask a cluster runs: what its scheduler and its workers say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from studyhall.search.workers.cluster import Cluster

# What calls and their answers go through: with other versions some of them fail, some time.
LIBRARIES = ("dask", "distributed", "joblib", "cloudpickle")


@dataclass(frozen=True)
class ClusterVersions:
    """The versions of `LIBRARIES` at the scheduler, and at each worker by its address."""

    scheduler: Mapping[str, str]
    workers: Mapping[str, Mapping[str, str]]

    def problems(self, address: str) -> list[str]:
        """A sentence for the scheduler, and for each worker, whose versions are not those here.

        Args:
            address: The scheduler's.
        """
        asked = {f"the scheduler at {address}": self.scheduler}
        asked |= {f"worker {one}": found for one, found in sorted(self.workers.items())}
        return [
            f"--cluster: {who} has other libraries than this launch ({different}); install the "
            "same there"
            for who, found in asked.items()
            if (different := _difference(found))
        ]


def cluster_versions(cluster: Cluster) -> ClusterVersions:
    """Ask a cluster for its versions; a worker that does not answer is left out.

    Raises:
        StudyhallError: the cluster does not answer.
    """
    found = cluster.versions(LIBRARIES)
    workers = {address: _packages(said) for address, said in found["workers"].items()}
    return ClusterVersions(_packages(found["scheduler"]), workers)


def _packages(said: Mapping[str, Mapping[str, str | None]]) -> dict[str, str]:
    return {name: said["packages"].get(name) or "missing" for name in LIBRARIES}


def _difference(found: Mapping[str, str]) -> str:
    """How versions differ from those here, in words; nothing if they do not."""
    own = {name: version(name) for name in LIBRARIES}
    return "; ".join(
        f"{name} {found[name]}, here {own[name]}" for name in LIBRARIES if found[name] != own[name]
    )
