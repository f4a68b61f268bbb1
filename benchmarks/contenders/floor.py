"""The floor for a reader in Python: get a page, parse it, write its records."""

from __future__ import annotations

import sys

import orjson
import requests


def main(host: str, limit: str, path: str, *streams: str) -> None:
    session = requests.Session()
    session.headers["Authorization"] = "Api-Key benchmark"
    with open(path, "wb") as out:
        for stream in streams:
            offset = 0
            while True:
                query = {"limit": limit, "offset": str(offset)}
                response = session.get(f"{host}/api/{stream}", params=query, timeout=30)
                response.raise_for_status()
                records = orjson.loads(response.content)["data"]
                if not records:
                    break
                for record in records:
                    out.write(orjson.dumps({"stream": stream, "record": record}, option=orjson.OPT_APPEND_NEWLINE))
                offset += len(records)


if __name__ == "__main__":
    main(*sys.argv[1:])
