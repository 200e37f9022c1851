"""The files `copyright` and `changelog`, in Debian's forms."""

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime

from makepackage.libraries import Distribution
from makepackage.project import ROOT

MAINTAINER = "Understudy maintainers <maintainers@understudy.example>"
"""Whoever publishes packages writes a name and an address of theirs here."""
_LIBRARIES = "usr/lib/understudy/lib"
_APACHE = "On Debian systems the text of the Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0."
_IN_DEBIAN = {"Apache-2.0": _APACHE}


def changelog(package: str, version: str, seconds: int) -> str:
    """One entry: what changed is in CHANGELOG.md, which is in the package too."""
    when = format_datetime(datetime.fromtimestamp(seconds, UTC))
    entry = f"  * Version {version}: see /usr/share/doc/understudy/CHANGELOG.md.gz."
    return f"{package} ({version}) bookworm; urgency=medium\n\n{entry}\n\n -- {MAINTAINER}  {when}\n"


def copyright_file(dependencies: Iterable[Distribution] = ()) -> str:
    """Ours, and of each dependency that is in the package its authors and the text of its licence."""
    head = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: understudy\n"
    ours = f"Files: *\nCopyright: 2026 {MAINTAINER.partition(' <')[0]}\nLicense: Apache-2.0\n"
    parts = [head, ours, *(_dependency(found) for found in dependencies), f"License: Apache-2.0\n{_indented(_APACHE)}"]
    return "\n".join(parts)


def _dependency(found: Distribution) -> str:
    files = "\n       ".join(f"{_LIBRARIES}/{part}{'' if part.endswith(('.py', '.so')) else '/*'}" for part in found.parts)
    text = "\n\n".join(found.texts) if "Apache-2.0" not in found.licence else _IN_DEBIAN["Apache-2.0"]
    short = f"{found.name}-licence"
    comment = f"{found.name} {found.version}, {found.licence}" + (f", from {found.home}" if found.home else "")
    return f"Files: {files}\nCopyright: {found.authors}\nLicense: {short}\n{_indented(text)}Comment: {comment}\n"


def _indented(text: str) -> str:
    """The text of a field: each line after a blank, empty ones as a dot."""
    return "".join(f" {line.rstrip()}\n" if line.strip() else " .\n" for line in text.strip().splitlines())


def licence() -> str:
    """Ours, whole."""
    return (ROOT / "LICENSE").read_text()
