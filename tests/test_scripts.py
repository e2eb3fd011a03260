"""benchmarks/ and studies/: each script says first what it measures, then its command, and imports what exists."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((*ROOT.glob("benchmarks/*.py"), *ROOT.glob("studies/*.py")))
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in SCRIPTS}
OURS = ("showface", "benchmarks", "studies")


def unsaid(file: str, tree: ast.Module) -> Iterator[str]:
    """What is only imported, without a last line that calls `main`, has no command."""
    folder, name = file.removesuffix(".py").split("/")
    command = f"    python benchmarks/{name}.py" if folder == "benchmarks" else f"    python -m studies.{name}"
    first, *rest = (ast.get_docstring(tree, clean=False) or "").splitlines() or [""]
    if not first:
        yield f"{file}: no first line"
    if isinstance(tree.body[-1], ast.If) and not any(line.startswith(command) for line in rest):
        yield f"{file}: no command"


def lost(file: str, tree: ast.Module) -> Iterator[str]:
    """Names of the package, or of other scripts, that a script imports and that are not there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (module := node.module or "").split(".")[0] in OURS:
            missing = (alias.name for alias in node.names if alias.name not in names_in(module))
            yield from (f"{file}: {module}.{name}" for name in missing)


@cache
def names_in(module: str) -> frozenset[str]:
    """All that a module or package binds anywhere, and the modules in it."""
    place = (ROOT / "src" if module.startswith("showface") else ROOT).joinpath(*module.split("."))
    inside = {path.stem for path in place.glob("*") if path.suffix == ".py" or path.is_dir()}
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    tree = ast.parse(file.read_text(encoding="utf-8") if file.is_file() else "")
    bound = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    bound |= {node.asname or node.name for node in ast.walk(tree) if isinstance(node, ast.alias)}
    stored = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return frozenset(inside | bound | {node.id for node in stored})


def test_every_script_says_what_it_measures_and_how_it_is_run() -> None:
    assert TREES and [fault for file, tree in TREES.items() for fault in unsaid(file, tree)] == []


def test_every_script_imports_what_is_there() -> None:
    assert [fault for file, tree in TREES.items() for fault in lost(file, tree)] == []


def test_planted_faults_are_found() -> None:
    mute = ast.parse('"""\nTime."""\nif __name__ == "__main__":\n    main()')
    assert list(unsaid("studies/new.py", mute)) == ["studies/new.py: no first line", "studies/new.py: no command"]
    wrong = ast.parse("from showface.masks import composite, nothing\nfrom showface.nowhere import x")
    assert list(lost("studies/new.py", wrong)) == [
        "studies/new.py: showface.masks.nothing",
        "studies/new.py: showface.nowhere.x",
    ]
