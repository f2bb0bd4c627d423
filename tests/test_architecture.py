"""Promises 1 and 2 held on the code itself, and the layers: nothing can send, nothing has a place for a body, one direction."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from worker.store.tables import metadata

ROOT = Path(__file__).parent.parent
LAYERS = ("rules", "connectors", "worker")
PRODUCT = sorted(file for layer in LAYERS for file in (ROOT / layer).rglob("*.py"))

SENDING_MODULES = {"smtplib", "smtpd", "aiosmtplib", "aiosmtpd", "yagmail", "sendgrid"}
SENDING_WORDS = re.compile(
    r"sendmail|sendMail|/send\b|messages[./]send|drafts[./]send|mailFolders.*send|gmail\.send|Mail\.Send|EmailSubmission|"
    r"/forward\b|createForward|replyAll\b|\bsubmission://|\bsmtps?://",
    re.IGNORECASE,
)
"""What sending is called by Gmail, Graph, JMAP and SMTP; in strings, where an address or a scope is written."""
SENDS = {
    "connectors/standards/session.py": "IMAP commands go out by Session.send; IMAP has no command that sends mail",
    "connectors/standards/fetch.py": "as above: UID FETCH",
    "connectors/standards/arrivals.py": "as above: UID SORT, UID FETCH",
    "connectors/standards/dav.py": "an HTTP request; what it may ask for is in SENDING_WORDS",
    "connectors/http.py": "as above",
    "connectors/microsoft/wire.py": "as above: a request to Graph's root, by a connection kept for the next one",
    "connectors/google/push.py": "as above: a question for Google's certificates",
    "connectors/google/consent.py": "as above: the code of the consent page to the token endpoint",
    "worker/actors.py": "a nudge into Dramatiq's queue",
    "worker/telling.py": "a POST to the owner's own webhook, which says that an account has paused",
}
"""The files that may call something `.send(`, each with what it sends."""
BODY = re.compile(
    r"(^|_)(body|bodies|snippet|body_?preview|unique_?body|attachments?|raw_?message|payload_?text|content)$", re.IGNORECASE
)
"""Names a place for other people's text would have."""
BODIES = {
    ("connectors/http.py", "content"): "an answer on its way to the connector that asked, which drops what is nobody's business",
    ("connectors/memory_provider.py", "body"): "the pretended provider has bodies; the tests look that no one takes them over",
}

ALLOWED_IN_RULES = {
    "pydantic": "rulebook",
    "pydantic_core": "rulebook",
    "jinja2": "wording",
    "nameparser": "names",
    "publicsuffixlist": "addresses",
}
"""A library rules may use -> how the names of the files begin that may import it."""
BANNED_IN_RULES = {
    "asyncio", "ftplib", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "pickle", "random", "requests",
    "secrets", "select", "selectors", "shelve", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile",
    "threading", "time", "urllib", "uuid",
}  # fmt: skip
UNTYPED = ("googleapiclient", "google_auth_oauthlib", "msal", "imapclient", "recurring_ical_events")
VAGUE = {"utils", "util", "common", "helpers", "helper", "base", "manager", "service", "processor", "misc"}


@cache
def tree(file: Path) -> ast.Module:
    """Parse a file once."""
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imports(file: Path) -> Iterator[str]:
    """List every module a file imports, wherever in it."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports relatively"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(file: Path) -> set[str]:
    """List the top-level packages a file imports."""
    return {name.partition(".")[0] for name in imports(file)}


def local(file: Path) -> str:
    """Name a file from the root."""
    return file.relative_to(ROOT).as_posix()


def layer(name: str) -> list[Path]:
    """List the files of a layer."""
    return [file for file in PRODUCT if local(file).startswith(f"{name}/")]


def strings(file: Path) -> Iterator[str]:
    """List the strings of a file that are no docstrings."""
    said = {id(part.value) for part in ast.walk(tree(file)) if isinstance(part, ast.Expr)}
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in said:
            yield node.value if isinstance(node.value, str) else node.value.decode("latin-1")


def names(file: Path) -> Iterator[str]:
    """List every name and attribute a file uses."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def fields(file: Path) -> Iterator[str]:
    """List the fields of every class in a file: annotated names, slots and what __init__ keeps."""
    for owner in (node for node in ast.walk(tree(file)) if isinstance(node, ast.ClassDef)):
        for statement in owner.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                yield statement.target.id
        for node in ast.walk(owner):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
                yield node.attr


def calls_of_send(file: Path) -> int:
    """Count the calls of a method named like sending."""
    called = (node.func for node in ast.walk(tree(file)) if isinstance(node, ast.Call))
    return sum(isinstance(method, ast.Attribute) and method.attr in {"send", "send_message", "send_email"} for method in called)


def test_there_is_code_to_look_at() -> None:
    assert all(len(layer(name)) > 3 for name in LAYERS)


def test_no_module_that_can_send_mail_is_imported() -> None:
    assert [local(file) for file in PRODUCT if packages(file) & SENDING_MODULES] == []


def test_no_string_or_name_speaks_of_sending_mail_at_a_provider() -> None:
    said = {local(file): [text for text in (*strings(file), *names(file)) if SENDING_WORDS.search(text)] for file in PRODUCT}
    assert {file: texts for file, texts in said.items() if texts} == {}


def test_nothing_is_called_send_but_what_is_known_to_be_no_mail() -> None:
    unknown = [local(file) for file in PRODUCT if calls_of_send(file) and local(file) not in SENDS]
    assert unknown == [], "call it what it does (ask, save, remove), or say in SENDS what it is that goes out"


@pytest.mark.parametrize(
    "code",
    [
        "import smtplib",
        "from smtplib import SMTP",
        "def late():\n    import aiosmtplib",
        "service.users().messages().send(userId='me')",
        "http.post('/me/sendMail')",
        "url = f'/me/messages/{id}/send'",
        "scope = 'https://www.googleapis.com/auth/gmail.send'",
        "x = b'smtps://mail.example'",
    ],
)
def test_each_way_of_sending_would_be_found(code: str, tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text(code)
    words = [text for text in (*strings(file), *names(file)) if SENDING_WORDS.search(text)]
    assert packages(file) & SENDING_MODULES or calls_of_send(file) or words


def test_no_table_has_a_column_for_a_body() -> None:
    columns = [f"{table.name}.{column.name}" for table in metadata.tables.values() for column in table.columns]
    assert columns
    assert [name for name in columns if BODY.search(name.partition(".")[2])] == []


def test_no_class_has_a_field_for_a_body() -> None:
    found = {(local(file), name) for file in PRODUCT for name in fields(file) if BODY.search(name)}
    assert found - BODIES.keys() == set()
    assert found == BODIES.keys(), "an exception that is no longer needed"


@pytest.mark.parametrize("name", ["body", "snippet", "bodyPreview", "body_preview", "uniqueBody", "mail_body", "attachments"])
def test_each_place_for_a_body_would_be_found(name: str, tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text(f"class Fact:\n    {name}: str\n")
    assert [field for field in fields(file) if BODY.search(field)] == [name]


def test_imports_go_one_way() -> None:
    upward = {"rules": {"connectors", "worker"}, "connectors": {"worker"}, "worker": {"tests", "benchmarks"}}
    assert [local(file) for name, above in upward.items() for file in layer(name) if packages(file) & above] == []


def test_connectors_know_the_vocabulary_of_rules_and_no_more() -> None:
    vocabulary = ("rules.facts", "rules.suggestions", "rules.addresses")  # addresses: whether two hosts are one organisation
    strangers = {
        local(file): sorted(name for name in imports(file) if name.startswith("rules.") and not name.startswith(vocabulary))
        for file in layer("connectors")
    }
    assert {file: found for file, found in strangers.items() if found} == {}


def test_rules_import_the_standard_library_themselves_and_four_libraries_in_their_places() -> None:
    wrong = [
        f"{local(file)} imports {package}"
        for file in layer("rules")
        for package in packages(file) - sys.stdlib_module_names - {"rules"}
        if not file.name.startswith(ALLOWED_IN_RULES.get(package, "nowhere"))
    ]
    assert wrong == []


def test_rules_reach_no_clock_disk_socket_or_chance() -> None:
    found = {local(file): sorted(packages(file) & BANNED_IN_RULES) for file in layer("rules")}
    assert {file: banned for file, banned in found.items() if banned} == {}
    clocks = ("now", "today", "utcnow")
    called = [
        f"{local(file)}:{node.lineno}"
        for file in layer("rules")
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr in clocks)
            or (isinstance(node.func, ast.Name) and node.func.id in {"open", "input", "print", "eval", "exec", "__import__"})
        )
    ]
    assert called == []


def test_only_the_worker_knows_queue_database_serving_and_command_line() -> None:
    workers_own = {"alembic", "click", "dramatiq", "prometheus_client", "rich", "sqlalchemy", "starlette", "structlog", "uvicorn"}
    below = (*layer("rules"), *layer("connectors"))
    assert [local(file) for file in below if packages(file) & workers_own] == []


def test_providers_know_nothing_of_each_other() -> None:
    providers = {place.name for place in (ROOT / "connectors").iterdir() if (place / "__init__.py").exists()} | {"memory"}
    wrong = []
    for file in layer("connectors"):
        mine = file.relative_to(ROOT / "connectors").parts[0].removesuffix(".py").removeprefix("memory_") or "memory"
        others = {f"connectors.{other}" for other in providers - {mine} if mine in providers}
        wrong += [f"{local(file)} imports {name}" for name in imports(file) if ".".join(name.split(".")[:2]) in others]
    assert wrong == []


def test_a_library_without_types_is_imported_by_one_file() -> None:
    for library in UNTYPED:
        assert len([file for file in PRODUCT if library in packages(file)]) <= 1, library


def test_init_files_hold_no_logic_outside_the_provider_packages() -> None:
    files = [file for file in PRODUCT if file.name == "__init__.py" and file.parent.parent.name != "connectors"]
    assert [local(file) for file in files if len(tree(file).body) > 1] == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [local(file) for file in PRODUCT if set(file.stem.split("_")) & VAGUE] == []


def test_every_file_opens_with_the_sentence_that_says_what_it_is_for() -> None:
    files = [*PRODUCT, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py"), ROOT / "run"]
    assert [local(file) for file in files if not (ast.get_docstring(tree(file)) or "").strip()] == []


def test_lock_files_name_the_public_registry_and_no_other() -> None:
    locks = [ROOT / "uv.lock", ROOT / "requirements.txt", *(ROOT / "deploy").glob("requirements*.txt")]
    hosts = {host for lock in locks for host in re.findall(r"\w+://([^/\"\s]*)", lock.read_text(encoding="utf-8"))}
    assert len(locks) == 4
    assert hosts == {"pypi.org", "files.pythonhosted.org"}
