"""The usual way to fine-tune a VQA model, which `benchmarks/training.py` sets beside ours.

    python benchmarks/usual_loop.py PREPARED --image-encoder E --question-encoder E [--tuning full]

A dataset gives one question with its image, opened by PIL and transformed by torchvision; a torch
DataLoader with workers batches them; transformers' Trainer runs both encoders for every question
in every epoch and scores val after each. The model is `vqa finetune`'s own, built from the same
seed, so that weights, fusion and head are the same, and so are batch size, rates and schedule.

Prints one JSON object: steps, questions a second of training, CPU seconds a question (workers
too), seconds (of training and scoring), the val accuracy of each epoch. With --steps it stops
after so many steps and scores nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision import transforms
from transformers import EvalPrediction, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import set_seed

from vqa_cli.config import ModelSettings
from vqa_cli.data.answers import target_scores
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.data.preprocessor import Preprocessor, normalize_question
from vqa_cli.evaluation.metrics import score
from vqa_cli.models.building import build_model
from vqa_cli.models.tuning import apply_tuning
from vqa_cli.models.vqa_model import VQAModel

RATE, ENCODER_RATE, WEIGHT_DECAY, WARMUP = 1e-3, 3e-5, 0.01, 0.05
WARM_UP_STEPS = 2
"""Not timed: the workers start, and torch chooses its kernels."""

Item = dict[str, Any]


class Questions(Dataset[Item]):
    """One question of a split with its image, as `pixel_values`, `text` and `labels` (A,)."""

    def __init__(self, data: PreparedDataset, split: str, preprocessor: Preprocessor) -> None:
        self.data, self.preprocessor = data, preprocessor
        self.rows: list[Item] = [dict(row) for _, row in data.rows(split).iterrows()]
        if split == "train":
            self.rows = [row for row in self.rows if self._shares(row).any()]
        wanted = preprocessor.transform
        self.transform = transforms.Compose(
            [
                transforms.Resize(
                    (wanted.height, wanted.width),
                    transforms.InterpolationMode(wanted.interpolation),
                ),
                transforms.ToTensor(),
                transforms.Normalize(wanted.mean, wanted.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> Item:
        row = self.rows[place]
        with Image.open(self.data.image_root / row["image"]) as image:
            pixel_values = self.transform(image.convert("RGB"))
        return {
            "pixel_values": pixel_values,
            "text": normalize_question(row["question"]),
            "labels": self._shares(row),
        }

    def collate(self, items: Sequence[Item]) -> dict[str, Tensor]:
        """Stack images, and pad questions to the longest."""
        input_ids, mask = self.preprocessor.questions([item["text"] for item in items])
        return {
            "pixel_values": torch.stack([item["pixel_values"] for item in items]),
            "input_ids": torch.from_numpy(input_ids),
            "attention_mask": torch.from_numpy(mask),
            "labels": torch.stack([item["labels"] for item in items]),
        }

    def _shares(self, row: Item) -> Tensor:
        """(A,) the scores of the row's answers, summing to 1; zeros where none is known."""
        shares = torch.zeros(len(self.data.vocabulary))
        for answer, worth in target_scores(row["answers"], row["answer_kind"]).items():
            if (index := self.data.vocabulary.index(answer)) is not None:
                shares[index] = max(float(shares[index]), worth)
        return shares / shares.sum().clamp(min=1e-9)


class OneImageAQuestion(nn.Module):
    """The model as the Trainer calls it: each question brings its own image."""

    def __init__(self, model: VQAModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, pixel_values: Tensor, input_ids: Tensor, attention_mask: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        logits = self.model(
            torch.arange(len(pixel_values), device=pixel_values.device),
            attention_mask,
            pixel_values=pixel_values,
            input_ids=input_ids,
        )
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


class Clock(TrainerCallback):  # type: ignore[misc]  # transformers has no types
    """When each step ended, and how much CPU time it was by then, the workers' too."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.processor: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        own = psutil.Process()
        times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
        self.ends.append(time.perf_counter())
        self.processor.append(sum(spent.user + spent.system for spent in times))


def optimizer_for(model: VQAModel) -> torch.optim.AdamW:
    """AdamW with a rate for the encoders and one for the rest; biases and norms not decayed."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            rate = ENCODER_RATE if "_encoder." in name else RATE
            decay = WEIGHT_DECAY if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": r, "weight_decay": d} for (r, d), p in groups.items()]
    )


def train(options: argparse.Namespace, folder: Path) -> Item:
    """Train as people do; `folder` is where the Trainer may write."""
    data = PreparedDataset.open(options.prepared)
    built = build_model(
        ModelSettings(
            image_encoder=options.image_encoder,
            question_encoder=options.question_encoder,
            image_tuning=options.tuning,
            question_tuning=options.tuning,
            fusion=options.fusion,
            width=options.width,
            dropout=options.dropout,
        ),
        questions=list(data.rows("train")["question"]),
        answers=len(data.vocabulary),
        seed=options.seed,
        offline=True,
    )
    apply_tuning(built.model, options.tuning, options.tuning, seed=options.seed)
    questions, val = (Questions(data, split, built.preprocessor) for split in ("train", "val"))

    def accuracy(predicted: EvalPrediction) -> dict[str, float]:
        answers = [data.vocabulary.answers[index] for index in predicted.predictions]
        rows = zip(val.rows, answers, strict=True)
        return {
            "accuracy": mean(
                score(row["answers"], row["answer_kind"], given) for row, given in rows
            )
        }

    clock = Clock()
    set_seed(options.seed)
    trainer = Trainer(
        model=OneImageAQuestion(built.model),
        args=TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=options.epochs,
            max_steps=options.steps or -1,
            per_device_train_batch_size=options.batch_size,
            per_device_eval_batch_size=options.batch_size,
            lr_scheduler_type="cosine",
            warmup_steps=WARMUP,  # below 1 it is a share of all steps
            dataloader_num_workers=options.workers,
            dataloader_persistent_workers=options.workers > 0,
            eval_strategy="no" if options.steps else "epoch",
            save_strategy="no",
            logging_strategy="epoch",
            remove_unused_columns=False,
            report_to="none",
            use_cpu=not torch.cuda.is_available(),
            seed=options.seed,
        ),
        data_collator=questions.collate,
        train_dataset=questions,
        eval_dataset=val,
        compute_metrics=accuracy,
        callbacks=[clock],
        optimizers=(optimizer_for(built.model), None),
        preprocess_logits_for_metrics=lambda logits, labels: logits.argmax(-1),
    )
    began = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - began
    ends, processor = clock.ends[WARM_UP_STEPS - 1 :], clock.processor[WARM_UP_STEPS - 1 :]
    timed = (len(ends) - 1) * options.batch_size
    scores = [e["eval_accuracy"] for e in trainer.state.log_history if "eval_accuracy" in e]
    return {
        "tuning": options.tuning,
        "steps": len(clock.ends),
        "questions_per_second": timed / (ends[-1] - ends[0]),
        "cpu_seconds_a_question": (processor[-1] - processor[0]) / timed,
        "seconds": seconds,
        "val_accuracy": scores,
    }


def main() -> None:
    """Read the command line, train, print."""
    parser = argparse.ArgumentParser(description="Fine-tune a VQA model in the usual way.")
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--image-encoder", required=True)
    parser.add_argument("--question-encoder", required=True)
    parser.add_argument("--tuning", choices=["frozen", "full"], default="frozen")
    parser.add_argument("--fusion", default="concat")
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--steps", type=int, help="stop after so many, and score nothing")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(train(options, Path(folder))))


if __name__ == "__main__":
    main()
