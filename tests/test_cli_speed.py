"""`showface --help` answers within 0.3 s, which it can only do without importing torch."""

import resource
import subprocess
import sys

LIMIT = 0.3  # seconds
CODE = "import sys; from showface.cli.main import main; sys.exit(main(['--help']))"


def processor_seconds() -> float:
    """Of one call; unlike the time on the wall it does not count what else the machine is doing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "Usage: showface" in done.stdout
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_is_there_at_once() -> None:
    assert min(processor_seconds() for _ in range(5)) <= LIMIT
