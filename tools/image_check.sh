#!/bin/sh
# Runs the four commands of the Airbyte protocol inside the image, locked down as a cluster may do it: another user than root, no
# capabilities, a read-only root with a writable /tmp, and a memory limit.
#
#   tools/image_check.sh IMAGE [CONFIG]     without CONFIG only `spec`; NETWORK=host reaches a sandbox on this machine
set -eu

image=${1:?usage: tools/image_check.sh IMAGE [CONFIG]}
config=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

inside() {
    docker run --rm --network "${NETWORK:-none}" --user 1000:1000 --cap-drop ALL --security-opt no-new-privileges \
        --read-only --tmpfs /tmp --memory 512m -v "$work:/secrets:ro" "$image" "$@"
}

has() { # $1: type of message, $2: file, $3: what it is called
    grep -q "\"type\": *\"$1\"" "$2" || { echo "$3: no $1 message"; tail -n 3 "$2"; exit 1; }
    echo "$3: ok"
}

inside spec >"$work/out"
has SPEC "$work/out" spec
[ -n "$config" ] || exit 0

cp "$config" "$work/config.json"
chmod 644 "$work/config.json"
inside check --config /secrets/config.json >"$work/out"
grep -q '"status": *"SUCCEEDED"' "$work/out" || { echo "check:"; cat "$work/out"; exit 1; }
echo "check: ok"
inside discover --config /secrets/config.json >"$work/out"
has CATALOG "$work/out" discover

# A configured catalog of all streams, made with the Python inside the image: there may be none outside.
docker run --rm --network none --entrypoint /opt/source-syfter/bin/python -i "$image" -c '
import json, sys
found = next(m["catalog"] for m in map(json.loads, sys.stdin) if m["type"] == "CATALOG")
print(json.dumps({"streams": [{"stream": s, "sync_mode": "incremental", "destination_sync_mode": "append_dedup"} for s in found["streams"]]}))
' <"$work/out" >"$work/catalog.json"
chmod 644 "$work/catalog.json"
inside read --config /secrets/config.json --catalog /secrets/catalog.json >"$work/out"
has RECORD "$work/out" read
has STATE "$work/out" "read, state"
echo "records: $(grep -c '"type": *"RECORD"' "$work/out")"
