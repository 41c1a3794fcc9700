"""No word of anybody becomes code, a command or a document that is parsed with entities.

OWASP ASVS 5.0, 1.2.5, 1.3.2 and 1.5.1, read off the code itself.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import newsletters

CODE = Path(newsletters.__file__).parent
RUNS_TEXT = {"eval", "exec", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
READS_XML = {f"ElementTree.{name}" for name in ("fromstring", "fromstringlist", "parse", "iterparse", "XML")}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call in the application, by the name it is called by and where it stands."""
    for path in sorted(CODE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield f"{path.relative_to(CODE)}:{node.lineno}", node


def test_no_text_is_run_and_no_xml_is_read() -> None:
    found = [where for where, call in calls() if ast.unparse(call.func) in RUNS_TEXT | READS_XML]

    assert found == []


def test_no_program_is_started_through_a_shell() -> None:
    shells = [where for where, call in calls() for given in call.keywords if given.arg == "shell"]

    assert shells == []
