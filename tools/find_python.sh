#!/bin/sh
# Prints a Python 3.10 to 3.13 that can make virtual environments, or says what is missing.
# The machine's own python3 comes first; 3.13 comes last because one library (PyAirbyte) does not declare it yet.
set -eu

usable() {  # $1: command, $2: highest minor version
    "$1" -c "import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, $2))" >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    usable "$PYTHON" 13 && { echo "$PYTHON"; exit 0; }
    echo "PYTHON=$PYTHON is not a Python 3.10 to 3.13 with venv and ensurepip." >&2
    exit 1
fi
for highest in 12 13; do
    for candidate in python3 python3.12 python3.11 python3.10 python3.13 python; do
        usable "$candidate" "$highest" && { echo "$candidate"; exit 0; }
    done
done
echo "No Python 3.10 to 3.13 with venv found. Install one (on Debian or Ubuntu: apt-get install python3 python3-venv)" >&2
echo "or name it: make PYTHON=/path/to/python3.12 ..." >&2
exit 1
