"""Every package in an image, as a CycloneDX document: `python tools/sbom.py IMAGE PROCESSOR > sbom.json`.

The image is not run, so it can be one for another processor: its file system says which Debian and which of its packages, which
Python and which of its distributions it holds.
"""

from __future__ import annotations

import datetime
import email
import os
import re
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def main(arguments: list[str]) -> int:
    """Prints the document, checked against its schema."""
    image, processor = arguments
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{image}#{processor}"))
    moment = int(os.environ.get("SOURCE_DATE_EPOCH", 0)) or datetime.datetime.now().timestamp()
    bom.metadata.timestamp = datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)
    name, _, version = image.partition("@")
    bom.metadata.component = Component(name=name, version=version, type=ComponentType.CONTAINER, bom_ref=image)
    for component in packages(image, processor):
        bom.components.add(component)
    bom.register_dependency(bom.metadata.component, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    invalid = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if invalid:
        print(f"Not a valid CycloneDX document: {invalid}", file=sys.stderr)
        return 1
    print(text)
    return 0


def packages(image: str, processor: str) -> Iterator[Component]:
    """What the file system of the image holds."""
    create = ["docker", "create", "--platform", f"linux/{processor}", image]
    container = subprocess.run(create, check=True, capture_output=True, text=True).stdout.strip()
    try:
        export = subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE)
        with export, tarfile.open(fileobj=export.stdout, mode="r|") as files:
            for file in files:
                reader = next((reader for pattern, reader in READERS.items() if re.fullmatch(pattern, file.name)), None)
                content = files.extractfile(file) if reader and file.isfile() else None
                if reader and content:
                    yield from reader(content.read().decode())
        if export.returncode:
            raise RuntimeError(f"docker export ended with status {export.returncode}")
    finally:
        subprocess.run(["docker", "rm", container], check=True, capture_output=True)


def _debian(text: str) -> Iterator[Component]:
    for paragraph in text.split("\n\n"):
        of = email.message_from_string(paragraph)
        if of["Status"] == "install ok installed":
            yield _component("deb", of["Package"], of["Version"], namespace="debian", qualifiers={"arch": of["Architecture"]})


def _wheel(text: str) -> Iterator[Component]:
    of = email.message_from_string(text)
    yield _component("pypi", of["Name"], of["Version"], of["License-Expression"])


def _python(text: str) -> Iterator[Component]:
    [version] = re.findall(r'^#define PY_VERSION\s+"(.+?)"', text, re.MULTILINE)
    yield _component("generic", "python", version, "PSF-2.0")


def _system(text: str) -> Iterator[Component]:
    of = dict(re.findall(r'^(\w+)="?(.*?)"?$', text, re.MULTILINE))
    yield Component(name=of["ID"], version=of["VERSION_ID"], type=ComponentType.OPERATING_SYSTEM)


def _component(
    kind: str,
    name: str,
    version: str,
    licence: str | None = None,
    namespace: str | None = None,
    qualifiers: dict[str, str] | None = None,
) -> Component:
    purl = PackageURL(kind, namespace, name, version, qualifiers)
    licences = [LicenseFactory().make_from_string(licence)] if licence else []
    return Component(name=name, version=version, purl=purl, licenses=licences, bom_ref=purl.to_string())


READERS = {
    r"usr/lib/os-release": _system,
    r"var/lib/dpkg/status": _debian,
    r".*\.dist-info/METADATA|.*\.egg-info(/PKG-INFO)?": _wheel,
    r".*/include/python[\d.]+/patchlevel\.h": _python,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
