"""The house: who may import whom, who owns which third-party package, and what no module does.

Everything is read from the syntax trees, so imports inside functions and for type checkers count like any other.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
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
    "jobs": "allocator errors images masks photo pipeline explain",
    "web": "errors images masks photo pipeline explain",
    "baselines": "errors configurations masks layers networks weights",
    "charts": "",
    "training": "errors configurations semantics masks data networks lean losses metrics weights",
    "recipes": "training networks losses data",
    "evaluation": "errors masks data metrics pipeline weights",
    "cli": " ".join(UNITS - {"cli"}),
    "__init__": "errors networks pipeline",  # the public names
}

# Wider than this table, and why. Rows of docs/deviations.md.
WIDER = {
    ("semantics", "errors"): "an unknown region is refused with the nearest name",
    ("recipes", "errors"): "an unknown recipe is refused with the nearest name",
    (
        "training",
        "layers",
    ): "spectral norms are minded where a step is made, and maps of categories are brought to a size",
    ("training", "features"): "a stage hands the frozen VGG16 to the losses, which take it as an argument",
    ("training", "assets"): "the paper profile trains with the published parser",
    ("training", "baselines"): "methods to compare with are trained by the same loop",
    ("recipes", "baselines"): "a recipe configures the network it trains",
    ("photo", "semantics"): "parts of the face to fill in are asked for by name",
    ("training", "charts"): "a run is shown as a page",
    ("evaluation", "charts"): "a report is a page",
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
    "PIL": "explain jobs images charts photo masks occluders pipeline data training web evaluation/occlusions/sheet.py",
    "cv2": "photo evaluation/methods/classical.py occluders/parts.py",  # connected parts: SciPy is no dependency
    "safetensors": "weights",
    "click": "cli",
    "rich": "cli training",
    "tensorboard": "training",
    "accelerate": "training/distributed/ranks.py",
    "huggingface_hub": "weights",
    "pillow_heif": "photo",
    "dlib": "features/face_embedding.py",
    "ai_edge_litert": "features/mobile_face_net.py",
    "onnxruntime": "export evaluation/methods/onnx_files.py",
    "skimage": "evaluation/methods/classical.py",
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
    """Two rules beside the table of imports, over any number of steps."""
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


OPENERS = ("images", "photo")  # of picture files
PROCESS_WIDE = ("sys.path", "warnings.filterwarnings", "warnings.simplefilter")

Check = Callable[[str, ast.Module], Iterator[str]]


def wrong(check: Check) -> list[str]:
    """What `check` says about any file of the package."""
    return [fault for file, tree in TREES.items() for fault in check(file, tree)]


def strangers(file: str, tree: ast.Module) -> Iterator[str]:
    """Third-party packages that a file imports and does not own."""
    for name in imported(tree):
        package = name.split(".")[0]
        if name.startswith("torch.utils.tensorboard"):
            package = "tensorboard"
        if package == "showface" or package in sys.stdlib_module_names:
            continue
        owners = OWNERS.get(package, "").split()
        if not (owners == ["*"] or unit_of(file) in owners or file in owners):
            yield f"{file} imports {name}"


def opened_pictures(file: str, tree: ast.Module) -> Iterator[str]:
    """Others may hold Pillow pictures; reading one from a file has checks that live in one place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open" and unit_of(file) not in OPENERS:
            yield f"{file}:{node.lineno} opens a picture file"


def run_at_import(file: str, tree: ast.Module) -> Iterator[str]:
    """At the top of a module there are definitions and assignments, no loops, no calls for their effect."""
    allowed = (
        ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign
    )  # fmt: skip
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        guard = isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'")
        if not (isinstance(node, allowed) or docstring or guard):
            yield f"{file}:{node.lineno} runs at import"


def bad_habits(file: str, tree: ast.Module) -> Iterator[str]:
    """Drawers, star imports, handlers that go on after anything, settings of the whole process, one machine's paths."""
    if {"utils", "helpers", "misc", "common"} & set(file.removesuffix(".py").split("/")):
        yield f"{file} is a drawer"
    for node in ast.walk(tree):
        place = f"{file}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield f"{place} star import"
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            reraised = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            if caught in ("everything", "Exception", "BaseException") and not reraised:
                yield f"{place} except {caught}"
        if isinstance(node, ast.Attribute) and (name := ast.unparse(node)) in PROCESS_WIDE:
            yield f"{place} {name}"
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and text.startswith(("/home/", "/root/", "/work/", "/tmp/")):
            yield f"{place} path of one machine"


def test_third_party_packages_have_owners() -> None:
    assert wrong(strangers) == []


def test_only_images_and_photo_open_picture_files() -> None:
    assert wrong(opened_pictures) == []


def test_nothing_happens_at_import() -> None:
    assert wrong(run_at_import) == []


def test_what_no_module_does() -> None:
    assert wrong(bad_habits) == []


PLANTED = [
    (strangers, "photo/new.py", "def f():\n    import fastapi", "photo/new.py imports fastapi"),
    (strangers, "masks.py", "from scipy import ndimage", "masks.py imports scipy"),
    (strangers, "photo/new.py", "from torch.utils.tensorboard import SummaryWriter",
     "photo/new.py imports torch.utils.tensorboard"),
    (opened_pictures, "web/new.py", "x = 1\nImage.open(x)", "web/new.py:2 opens a picture file"),
    (run_at_import, "masks.py", "x = 1\nprint(x)", "masks.py:2 runs at import"),
    (run_at_import, "masks.py", "for x in ():\n    pass", "masks.py:1 runs at import"),
    (bad_habits, "photo/utils.py", "", "photo/utils.py is a drawer"),
    (bad_habits, "masks.py", "from torch import *", "masks.py:1 star import"),
    (bad_habits, "masks.py", "try:\n    f()\nexcept Exception:\n    pass", "masks.py:3 except Exception"),
    (bad_habits, "masks.py", "try:\n    f()\nexcept:\n    pass", "masks.py:3 except everything"),
    (bad_habits, "masks.py", "sys.path.append(x)", "masks.py:1 sys.path"),
    (bad_habits, "masks.py", "warnings.filterwarnings('ignore')", "masks.py:1 warnings.filterwarnings"),
    (bad_habits, "masks.py", "x = '/home/me/faces'", "masks.py:1 path of one machine"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "file", "code", "fault"), PLANTED, ids=[fault for *_, fault in PLANTED])
def test_a_planted_fault_is_found(check: Check, file: str, code: str, fault: str) -> None:
    assert list(check(file, ast.parse(code))) == [fault]


def test_every_fault_of_every_file_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TREES, "masks.py", ast.parse("import scipy, fastapi"))
    monkeypatch.setitem(TREES, "new.py", ast.parse("import pandas"))
    assert wrong(strangers) == ["masks.py imports scipy", "masks.py imports fastapi", "new.py imports pandas"]


@pytest.mark.parametrize(
    ("check", "file", "code"),
    [
        (strangers, "web/new.py", "import fastapi, json, torch"),
        (opened_pictures, "photo/new.py", "Image.open(x)"),
        (run_at_import, "masks.py", "'Text.'\nif __name__ == '__main__':\n    main()"),
        (bad_habits, "masks.py", "try:\n    f()\nexcept Exception:\n    raise"),
    ],
)
def test_what_is_allowed_passes(check: Check, file: str, code: str) -> None:
    assert list(check(file, ast.parse(code))) == []


HEAVY = ("torch", "numpy", "PIL", "cv2", "safetensors")


@pytest.mark.parametrize("module", ["showface", "showface.errors", "showface.semantics"])
def test_importing_the_package_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
