"""Write a card again, with figures of the C program: `python3 write_card.py NAME [COLUMN[:SET]=summary.json ...]`.

Each summary replaces the test figures of a column ("T = 20", "exact", "no draws") and, where it has a deterministic
part, those of "no draws"; with a SET ("noise", "rotated", "cifar10") also the figures of that out-of-distribution set.
With --section TITLE they make a table of their own, under that title: other images, or more passes than all images allow.
`models/NAME.json` keeps what was merged.
"""
import argparse
import json
from pathlib import Path
from typing import Dict

from bitbayes_training.card import write_card
from bitbayes_training.data import MODELS


FIGURES = {"accuracy": "accuracy", "nll": "nll", "brier": "brier", "ece": "ece",
           "mean_mutual_information": "mutual_information_nats"}
DETECTION = {"auroc_entropy": "auroc_entropy", "auroc_mi": "auroc_mutual_information",
             "fpr95_entropy": "fpr95_entropy", "fpr95_mi": "fpr95_mutual_information"}


def picked(names: Dict[str, str], block: Dict) -> Dict:
    """Take what the card shows out of a block of a summary, under the companion's names."""
    return {name: round(block[source], 6) for name, source in names.items() if source in block}


def merge_column(column: Dict, unknown: str, figures: Dict, detection: Dict) -> None:
    """Put the figures of one way to predict into its column."""
    column.setdefault("metrics", {}).update(picked(FIGURES, figures))
    if unknown:
        column.setdefault("ood", {}).setdefault(unknown, {}).update(picked(DETECTION, detection))
    column["source"] = "bitbayes"


def merge(columns: Dict, target: str, summary: Dict) -> None:
    """Put one summary of the C program into its column, and its deterministic part into the column without draws."""
    name, _, unknown = target.partition(":")
    metrics, ood = summary["metrics"], summary.get("ood", {})
    merge_column(columns.setdefault(name, {}), unknown, metrics, ood)
    if "deterministic" in metrics:
        merge_column(columns.setdefault("no draws", {}), unknown, metrics["deterministic"], ood.get("deterministic", {}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("summaries", nargs="*", metavar="COLUMN[:SET]=FILE")
    parser.add_argument("--section", metavar="TITLE", help="a table of its own instead of the test figures")
    options = parser.parse_args()
    stored = MODELS / f"{options.name}.json"
    facts = json.loads(stored.read_text())
    columns = facts["columns"]
    if options.section:
        columns = facts.setdefault("sections", {}).setdefault(options.section, {})
    for item in options.summaries:
        target, _, file = item.rpartition("=")
        merge(columns, target, json.loads(Path(file).read_text()))
    stored.write_text(json.dumps(facts, indent=1) + "\n")
    write_card(MODELS / f"{options.name}.md", facts)


if __name__ == "__main__":
    main()
