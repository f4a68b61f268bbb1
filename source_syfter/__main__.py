"""`python -m source_syfter`: the same as the command `source-syfter`."""

from source_syfter.run import run

if __name__ == "__main__":
    run()
