"""The messages of etcd that we use are made from `etcd.proto`, which has the numbers of etcd's own."""

from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

HERE = Path(str(files("understudy.registry.etcd")))


def test_what_is_made_from_the_proto_is_what_stands_beside_it(tmp_path: Path) -> None:
    """After a change: python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. etcd.proto, in that directory."""
    done = protoc.main(["", f"-I{HERE}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", str(HERE / "etcd.proto")])
    assert done == 0
    for name in ("etcd_pb2.py", "etcd_pb2.pyi"):
        assert (tmp_path / name).read_text() == (HERE / name).read_text()
