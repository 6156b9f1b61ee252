"""Write a card again, with figures of the C program: `python3 write_card.py NAME [COLUMN[:SET]=summary.json ...]`.

Each summary replaces the test figures of a column ("T = 20", "exact", "no draws"); with a SET ("noise", "rotated",
"cifar10") it also replaces the figures of that out-of-distribution set. `models/NAME.json` keeps what was merged.
"""
import argparse
import json
from pathlib import Path
from typing import Dict

from bitbayes_training.card import write_card
from bitbayes_training.data import MODELS


def merge(facts: Dict, target: str, summary: Dict) -> None:
    """Put one summary of the C program into its column."""
    name, _, unknown = target.partition(":")
    column = facts["columns"].setdefault(name, {"metrics": {}, "ood": {}})
    column.setdefault("metrics", {}).update(summary["metrics"])
    if unknown:
        column.setdefault("ood", {}).setdefault(unknown, {}).update(summary["ood"])
    column["source"] = "bitbayes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("summaries", nargs="*", metavar="COLUMN[:SET]=FILE")
    options = parser.parse_args()
    stored = MODELS / f"{options.name}.json"
    facts = json.loads(stored.read_text())
    for item in options.summaries:
        target, _, file = item.rpartition("=")
        merge(facts, target, json.loads(Path(file).read_text()))
    stored.write_text(json.dumps(facts, indent=1) + "\n")
    write_card(MODELS / f"{options.name}.md", facts)


if __name__ == "__main__":
    main()
