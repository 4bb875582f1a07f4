import subprocess
import sys
from pathlib import Path

from studyhall import model

ROOT = Path(__file__).parents[2]


def test_the_table_of_contents_is_what_is_there():
    modules = {path.stem for path in (ROOT / "model").glob("*.py")}
    public = {name for name in vars(model) if not name.startswith("_")} - modules
    assert set(model.__all__) == public
    assert len(model.__all__) == len(set(model.__all__))


def test_importing_brings_numpy_and_safetensors_alone():
    program = (
        "import sys; before = set(sys.modules); import studyhall.model.serving;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    printed = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True)
    foreign = set(printed.split()) - set(sys.stdlib_module_names)
    foreign = {name for name in foreign if "cython" not in name}  # parts of numpy.random
    assert foreign <= {"studyhall", "numpy", "safetensors", "_safetensors_rust"}
