"""What is no cluster file is refused where it is read; and the schema by which editors know one."""

import base64
import json
import tomllib
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from daemon.cluster import ROOT, Cluster, PrintedLines, running
from daemon.hand import DB, VALIDATE
from daemon.test_rehearse import run
from understudy.daemon.verbs import REHEARSALS, clusterfile
from understudy.daemon.verbs.arguments import Arguments
from understudy.intent.clusterfile.schema import schema


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[resource.db\n", "Expected ']' at the end of a table declaration (at line 1, column 13)"),
        (b"\xff", "it is no text in UTF-8"),
        (b"[a]\nb=1\nb=2", "Cannot overwrite a value"),
        (b"x = " + b"[" * 9999, "its tables are too deep"),
        (b"x = " + b"9" * 5000, "Exceeds the limit"),
        (b"x = 2026-11-28", "not JSON serializable"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_where_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, why: str
) -> None:
    """With the line and the column; no daemon is asked."""
    path = tmp_path / "cluster.toml"
    path.write_bytes(content)

    with pytest.raises(SystemExit) as ended:
        run(Cluster(("ctr1",)).run(f"understudy plan {path}"))

    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(f"UND-0709: {path} cannot be read: ")
    assert why in said


def test_a_file_that_no_request_takes_is_not_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a daemon would refuse without a word about the file."""
    path = tmp_path / "cluster.toml"
    path.write_text(
        "".join(f'[resource.r{number}]\nTYPE = "{sha256(bytes([number % 256, number // 256])).hexdigest()}"\n' for number in range(30_000))
    )

    with pytest.raises(SystemExit):
        run(Cluster(("ctr1",)).run(f"understudy plan {path}"))

    assert "and a request takes 1000000; divide it into several files" in capsys.readouterr().err


def test_what_no_client_of_ours_sends_is_refused(tmp_path: Path) -> None:
    """Whatever comes in its place: nothing is changed."""

    async def played() -> None:
        async with running("ctr1") as cluster:
            for content in ("", "x", base64.b64encode(b"x").decode(), *(packed(text) for text in (b"", b"3", b"[" * 99_999, b'{"a":'))):
                lines = PrintedLines()
                lines.status = await REHEARSALS["file-plan"].run(
                    cluster.world(lines, "ctr1", ROOT), Arguments({"names": ["x"], "content": content})
                )
                assert lines.status == 1
                assert "UND-" in lines.text

    def packed(text: bytes) -> str:
        return base64.b64encode(zlib.compress(text)).decode()

    run(played())


def test_the_schema_is_shipped_as_it_would_be_made(request: pytest.FixtureRequest) -> None:
    """For editors; `--rewrite` writes it. It takes what is right, and not what is wrong."""
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    if request.config.getoption("--rewrite"):
        clusterfile.SCHEMA.write_text(text)
    assert clusterfile.SCHEMA.read_text() == text, "run pytest tests/daemon/test_clusterfile_read.py --rewrite and read the diff"
    VALIDATE(tomllib.loads(DB))
    wrongs: tuple[dict[str, Any], ...] = (
        {"resources": {}},
        {"resource": {"db": {}}},
        {"resource": {"db": {"TYPE": "x", "CHECK_INTERVAL": 0}}},
        {"resource": {"db": {"TYPE": "x", "PLACEMENT": "anywhere"}}},
        {"serverpool": {"sp": {"SIZE": 1}}},
        {"type": {"t": {"BASE_TYPE": "x", "attributes": {"A": {"TYPE": "float"}}}}},
    )
    for wrong in wrongs:
        with pytest.raises(fastjsonschema.JsonSchemaException):
            VALIDATE(wrong)
