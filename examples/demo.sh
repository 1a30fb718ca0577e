#!/usr/bin/env bash
# The main job on drawn pictures: prepare, finetune, evaluate, ask, export, ask the export.
#
#     make demo                    or, where `vqa` is installed: examples/demo.sh [FOLDER]
#
# Writes to FOLDER (default: demo/). Run again, it makes a new run beside the earlier ones.
set -euo pipefail
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-$examples/../demo}
mkdir -p "$folder"
cd "$folder"

run() { # say what is run, on stderr, and run it
    local shown='' word
    for word in "$@"; do
        [[ $word == *[^A-Za-z0-9_./=-]* ]] && word="\"$word\""
        shown+=" $word"
    done
    printf '\n$%s\n' "$shown" >&2
    "$@"
}

run python "$examples/shapes.py" shapes
run vqa prepare shapes --out prepared
run vqa finetune prepared --preset tiny --json >finetune.json
run_folder=$(python -c 'import json; print(json.load(open("finetune.json"))["run"])')
run vqa evaluate prepared --split test -m "$run_folder" --json \
    --save-predictions predictions.csv --force >evaluation.json

image=shapes/images/test_0005.png
questions=("how many shapes are there?" "where is the blue shape?")
run vqa ask "$image" "${questions[@]}" -m "$run_folder"
exported=exported/$(basename "$run_folder")
run vqa export "$run_folder" --out "$exported"
run vqa ask "$image" "${questions[@]}" -m "$exported" --json >answers.jsonl

python - "$PWD" "$run_folder" "$exported" <<'END'
import json
import sys
from pathlib import Path

here, run, exported = map(Path, sys.argv[1:])
evaluation = json.loads(Path("evaluation.json").read_text())
trained = json.loads(Path("finetune.json").read_text())
baseline = evaluation["baselines"]["question_only"]
kinds = "\n".join(
    f"  {kind:13}{values['accuracy']:.3f} on {values['questions']:,}"
    for kind, values in evaluation["per_question_type"].items()
)
print(f"""
test accuracy  {evaluation["accuracy"]:.3f} on {evaluation["questions"]:,} questions about unseen images
{kinds}
question only  {baseline:.3f} (the most frequent answer to the same question, no image)
training took  {trained["seconds"]:.0f} s
""")
for line in Path("answers.jsonl").read_text().splitlines():
    print("{question}  {answer}  (confidence {confidence:.2f})".format(**json.loads(line)))
print(f"""
pictures     {here / "shapes"}
dataset      {here / "prepared"}
run          {here / run}
predictions  {here / "predictions.csv"}
export       {here / exported}   (answers without torch)

ask it yourself:
  vqa ask {here / "shapes/images/test_0001.png"} "what shape is on the left?" -m {here / exported}""")
END
