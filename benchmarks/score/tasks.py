#!/usr/bin/env python3
"""Published data sets as the JSON lines that `drrl score` reads, with the prompts of lm-evaluation-harness.

    benchmarks/score/tasks.py piqa --to piqa.jsonl        # valid.jsonl and valid-labels.lst of $DRRL_DATA/piqa
    benchmarks/score/tasks.py lambada --to lambada.jsonl  # lambada_test.jsonl of $DRRL_DATA/lambada
    benchmarks/score/tasks.py sst-2 --to sst-2.jsonl      # dev.tsv of $DRRL_DATA/sst-2

DRRL_DATA is ../shared/data beside the project unless set; --from names another directory."""
import argparse
import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("DRRL_DATA", ROOT.parent / "shared" / "data"))


def lines(path):
    """A file's lines without their ends; only a newline ends one."""
    with open(path, encoding="utf-8", newline="\n") as file:
        return [line.rstrip("\r\n") for line in file]


def piqa(folder):
    """lm_eval/tasks/piqa/piqa.yaml."""
    items, labels = lines(folder / "valid.jsonl"), lines(folder / "valid-labels.lst")
    if len(items) != len(labels):
        sys.exit(f"{folder}: {len(items)} items and {len(labels)} labels")
    for item, label in zip(map(json.loads, items), labels):
        yield {"context": f"Question: {item['goal']}\nAnswer:", "choices": [item["sol1"], item["sol2"]], "answer": int(label)}


def lambada(folder):
    """lm_eval/tasks/lambada/lambada_openai.yaml; the last word is cut off where it is read."""
    for item in map(json.loads, lines(folder / "lambada_test.jsonl")):
        yield {"text": item["text"]}


def sst2(folder):
    """lm_eval/tasks/glue/sst2/default.yaml."""
    for line in lines(folder / "dev.tsv")[1:]:
        sentence, label = line.split("\t")
        yield {"context": f"{sentence}\nQuestion: Is this sentence positive or negative?\nAnswer:",
               "choices": ["negative", "positive"], "answer": int(label)}


TASKS = {"piqa": piqa, "lambada": lambada, "sst-2": sst2}


def write(name, folder, path):
    """Writes a task's lines; returns how many."""
    rows = list(TASKS[name](folder))
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return len(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--from", dest="folder", type=pathlib.Path, metavar="DIR", help="where the data set's files are")
    parser.add_argument("--to", type=pathlib.Path, required=True, metavar="FILE", help="the JSON lines to write")
    options = parser.parse_args()
    try:
        count = write(options.task, options.folder or DATA / options.task, options.to)
    except OSError as error:
        sys.exit(f"tasks.py: {error}")
    print(f"{options.to}: {count} items")
