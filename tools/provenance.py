"""Where a release comes from, signed: `python tools/provenance.py sign FOLDER PRIVATE_KEY`, `... verify FOLDER PUBLIC_KEY`.

An in-toto statement with SLSA's provenance, in a DSSE envelope. What it says of the forge is what its runners have in their
environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]  # __init__ names them, without `as`

ROOT = Path(__file__).resolve().parents[1]
TYPE = "application/vnd.in-toto+json"


def main(arguments: list[str]) -> int:
    """Signs what is in a folder, or verifies it. 1: it is not what was signed."""
    command, folder, key = arguments[0], Path(arguments[1]), Path(arguments[2]).read_bytes()
    file = folder / "provenance.json"
    if command == "sign":
        file.unlink(missing_ok=True)
        envelope = Envelope(json.dumps(statement(folder)).encode(), TYPE, {})
        envelope.sign(CryptoSigner(load_pem_private_key(key, None)))
        file.write_text(json.dumps(envelope.to_dict()) + "\n", encoding="utf-8")
        return 0
    envelope = Envelope.from_dict(json.loads(file.read_text(encoding="utf-8")))
    try:
        envelope.verify([SSlibKey.from_crypto(load_pem_public_key(key))], 1)
    except VerificationError:
        print("provenance.json: not signed by this key", file=sys.stderr)
        return 1
    signed = json.loads(envelope.payload)
    if signed["subject"] != subjects(folder):
        print("provenance.json: speaks of other files than these", file=sys.stderr)
        return 1
    built = signed["predicate"]
    print(f"Built from {built['buildDefinition']['resolvedDependencies'][0]['uri']} by {built['runDetails']['builder']['id']}")
    return 0


def subjects(folder: Path) -> list[dict[str, Any]]:
    """What is spoken of: the image, the wheels and the lists of packages."""
    image, _, digest = (folder / "image.txt").read_text(encoding="utf-8").strip().partition("@sha256:")
    files = sorted([*folder.glob("*.whl"), *folder.glob("sbom-*.json")])
    return [{"name": image, "digest": {"sha256": digest}}] + [
        {"name": file.name, "digest": {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}} for file in files
    ]


def statement(folder: Path) -> dict[str, Any]:
    """The statement about what lies in a folder, as this commit on this runner made it."""
    given = os.environ
    repository = (
        given.get("CI_PROJECT_URL") or f"{given.get('GITHUB_SERVER_URL', 'file://')}/{given.get('GITHUB_REPOSITORY', ROOT.name)}"
    )
    commit, tag = _git("rev-parse", "HEAD"), _git("describe", "--exact-match")
    [base] = re.findall(r"^ARG BASE_IMAGE=(\S+?)@sha256:(\w+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    run = given.get("CI_JOB_URL") or (f"{repository}/actions/runs/{given['GITHUB_RUN_ID']}" if "GITHUB_RUN_ID" in given else None)
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects(folder),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:source-syfter:.ci/release:v1",
                "externalParameters": {"repository": repository, "ref": f"refs/tags/{tag}"},
                "resolvedDependencies": [
                    {"uri": f"git+{repository}@refs/tags/{tag}", "digest": {"gitCommit": commit}},
                    {"uri": f"oci://{base[0]}", "digest": {"sha256": base[1]}},
                ],
            },
            "runDetails": {
                "builder": {"id": run.rsplit("/", 1)[0] if run else "urn:source-syfter:by-hand"},
                "metadata": {"invocationId": run} if run else {},
            },
        },
    }


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
