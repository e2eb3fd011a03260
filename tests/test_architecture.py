"""The house: who may import whom, who owns which third-party package, and what no module does.

Everything is read from the syntax trees, so imports inside functions and for type checkers count like any other.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src" / "showface"
FILES = sorted(ROOT.rglob("*.py"))
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
UNITS = {path.removesuffix(".py").split("/")[0] for path in TREES} - {"__init__"}

# A unit is a file or folder directly in src/showface. What it may import, besides itself:
MAY_IMPORT = {
    "errors": "",
    "allocator": "",
    "semantics": "",
    "images": "errors",
    "masks": "errors images",
    "assets": "errors",
    "configurations": "errors",
    "occluders": "errors semantics",
    "layers": "errors",
    "networks": "errors semantics masks layers",
    "lean": "layers networks",
    "features": "errors assets",
    "losses": "errors semantics masks layers features",
    "metrics": "errors features",
    "data": "errors semantics images masks",
    "weights": "errors configurations networks",
    "photo": "errors images masks assets",
    "pipeline": "errors images masks networks lean weights photo",
    "export": "errors networks lean weights",
    "explain": "images masks layers networks semantics photo",  # what was taken from the other side of the face
    "batch": "allocator errors images masks photo pipeline explain",
    "web": "errors images masks photo pipeline explain batch",
    "baselines": "errors configurations masks layers networks weights",
    "pages": "",
    "training": "errors configurations semantics masks data networks lean losses metrics weights",
    "recipes": "training networks losses data",
    "evaluation": "errors masks data metrics pipeline weights",
    "cli": " ".join(UNITS - {"cli"}),
    "__init__": "errors networks pipeline",  # the public names
}

# Wider than the design's table, and why. Rows of docs/deviations.md.
WIDER = {
    ("semantics", "errors"): "an unknown region is refused with the nearest name",
    ("recipes", "errors"): "an unknown recipe is refused with the nearest name",
    (
        "training",
        "layers",
    ): "batch norms, spectral norms and means of several processes are minded where a step is made",
    ("training", "features"): "a stage hands the frozen VGG16 to the losses, which take it as an argument",
    ("training", "assets"): "the paper profile trains with the published parser",
    ("training", "baselines"): "methods to compare with are trained by the same loop",
    ("recipes", "baselines"): "a recipe configures the network it trains",
    ("photo", "semantics"): "parts of the face to fill in are asked for by name",
    ("training", "pages"): "a run is shown as a page",
    ("evaluation", "pages"): "a report is a page",
    ("training", "images"): "contact sheets and pseudo-labels are pictures",
    ("data", "occluders"): "masks to train with may be drawn in the shape of hands, glasses and so on",
    ("evaluation", "occluders"): "further rows of the protocol hide faces as hands, masks and so on do",
    ("evaluation", "images"): "faces are reduced to 256 px before they are measured",
    ("evaluation", "semantics"): "mean IoU is reported by the names of the categories",
    ("evaluation", "features"): "measuring networks are loaded here and handed to the metrics, which take them",
    ("evaluation", "assets"): "MI-GAN is an asset; features of faces are kept in the cache folder",
    ("evaluation", "networks"): "rows are measured without a box of finished weights, or with sources",
    ("evaluation", "layers"): "the harmonic fill that the coarse network mixes in is a method of its own",
    ("evaluation", "baselines"): "methods to compare with are trained by us and measured like ours",
}

# Who may import a third-party package; "*" is everyone.
OWNERS = {
    "torch": "*",
    "numpy": "*",
    "jaxtyping": "*",
    "PIL": "explain batch images pages photo masks occluders pipeline data training web evaluation/occlusion_sheet.py",
    "cv2": "photo evaluation/baselines.py occluders/parts.py",  # connected parts: SciPy is no dependency
    "safetensors": "weights",
    "click": "cli",
    "rich": "cli training",
    "tensorboard": "training",
    "accelerate": "training/ranks.py",
    "huggingface_hub": "weights",
    "pillow_heif": "photo",
    "dlib": "features/face_embedding.py",
    "ai_edge_litert": "features/mobile_face_net.py",
    "onnxruntime": "export evaluation/onnx_files.py",
    "skimage": "evaluation/baselines.py",
    "fastapi": "web",
    "starlette": "web",
    "pydantic": "web",
    "uvicorn": "web",
    "prometheus_client": "web",
}


def imported(tree: ast.AST) -> Iterator[str]:
    """The full names of all modules that a file imports; `from showface import x` is `showface.x`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            module = node.module or ""
            yield from (f"showface.{alias.name}" for alias in node.names) if module == "showface" else (module,)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            argument = node.args[0]
            yield argument.value if isinstance(argument, ast.Constant) else "showface"


def unit_of(file: str) -> str:
    return file.split("/")[0].removesuffix(".py")


@cache
def edges() -> frozenset[tuple[str, str]]:
    """Pairs (unit, unit it imports)."""
    names = ((unit_of(file), name.split(".")) for file, tree in TREES.items() for name in imported(tree))
    return frozenset(
        (unit, name[1]) for unit, name in names if name[0] == "showface" and len(name) > 1 and name[1] != unit
    )


def test_the_table_names_every_unit() -> None:
    assert set(MAY_IMPORT) >= UNITS


def test_imports_stay_within_the_table() -> None:
    allowed = {(unit, other) for unit, others in MAY_IMPORT.items() for other in others.split()} | set(WIDER)
    assert edges() - allowed == set()


def test_every_exception_is_needed() -> None:
    assert set(WIDER) <= edges()


def test_units_form_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for unit, other in edges():
        graph.setdefault(unit, set()).add(other)
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError


def test_files_form_no_cycle() -> None:
    modules = {"showface." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in TREES}
    graph = {}
    for file, tree in TREES.items():
        own = "showface." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        graph[own] = {name for name in imported(tree) if name in modules and name != own}
    tuple(TopologicalSorter(graph).static_order())


def test_losses_know_no_networks_and_inpainting_no_training() -> None:
    """The two sentences below the design's table, over any number of steps."""
    reached = {unit: reachable(unit) for unit in ("losses", "pipeline")}
    assert "networks" not in reached["losses"]
    assert not reached["pipeline"] & {"data", "losses", "training", "recipes", "evaluation"}


def reachable(unit: str) -> set[str]:
    seen: set[str] = set()
    waiting = [unit]
    while waiting:
        current = waiting.pop()
        waiting += [other for one, other in edges() if one == current and other not in seen]
        seen |= {other for one, other in edges() if one == current}
    return seen


@pytest.mark.parametrize("file", TREES)
def test_third_party_packages_have_owners(file: str) -> None:
    for name in imported(TREES[file]):
        package = name.split(".")[0]
        if name.startswith("torch.utils.tensorboard"):
            package = "tensorboard"
        if package == "showface" or package in sys.stdlib_module_names:
            continue
        owners = OWNERS.get(package, "").split()
        assert owners == ["*"] or unit_of(file) in owners or file in owners, f"{file} imports {name}"


@pytest.mark.parametrize("file", TREES)
def test_only_images_and_photo_open_picture_files(file: str) -> None:
    """Others may hold Pillow pictures; reading one from a file has checks that live in one place."""
    calls = {ast.unparse(node.func) for node in ast.walk(TREES[file]) if isinstance(node, ast.Call)}
    assert unit_of(file) in ("images", "photo") or "Image.open" not in calls


@pytest.mark.parametrize("file", TREES)
def test_nothing_happens_at_import(file: str) -> None:
    """At the top of a module there are definitions and assignments, no loops, no calls for their effect."""
    allowed = (
        ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign
    )  # fmt: skip
    for node in TREES[file].body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        guard = isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'")
        assert isinstance(node, allowed) or docstring or guard, f"{file}:{node.lineno} runs at import"


@pytest.mark.parametrize("file", TREES)
def test_what_no_module_does(file: str) -> None:
    drawers = {"utils", "helpers", "misc", "common"}
    assert not drawers & set(file.removesuffix(".py").split("/"))
    for node in ast.walk(TREES[file]):
        place = f"{file}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.ImportFrom):
            assert all(alias.name != "*" for alias in node.names), f"{place} star import"
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            reraised = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            assert caught not in ("everything", "Exception", "BaseException") or reraised, f"{place} except {caught}"
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in ("sys.path", "warnings.filterwarnings", "warnings.simplefilter"), place
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not node.value.startswith(("/home/", "/root/", "/work/", "/tmp/")), f"{place} path of one machine"


HEAVY = ("torch", "numpy", "PIL", "cv2", "safetensors")


@pytest.mark.parametrize("module", ["showface", "showface.errors", "showface.semantics"])
def test_importing_the_package_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
