"""The model with what it is taught: the losses of a batch's questions."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from vqa_cli.config import TrainSettings
from vqa_cli.models.vqa_model import Perturb, VQAModel
from vqa_cli.training.auxiliary import Auxiliary, wanted
from vqa_cli.training.objective import question_losses
from vqa_cli.training.split_data import Inputs

MAIN = "loss"
"""The name of the main objective's loss, beside those of the auxiliary ones."""
BESIDE = ("second_pixel_values", "second_image_tokens", "fits")
"""The inputs that only auxiliary objectives look at."""
OF_QUESTIONS = ("input_ids", "question_tokens", "attention_mask")
"""The inputs with a row for each distinct question."""


class Losses(NamedTuple):
    """What each of Q questions costs."""

    total: Tensor  # (Q,) the weighted sum of the parts, which is minimised
    parts: dict[str, Tensor]  # (Q,) each, by name, for people to see

    def detached(self) -> Losses:
        """Give the numbers alone, so that what they were computed from can be forgotten."""
        parts = {name: losses.detach() for name, losses in self.parts.items()}
        return Losses(self.total.detach(), parts)


class Learner(nn.Module):
    """What is trained, and what several processes wrap as one module."""

    def __init__(self, model: VQAModel, settings: TrainSettings) -> None:
        super().__init__()
        self.model = model
        self.objective = settings.objective
        self.label_smoothing = settings.label_smoothing or 0.0
        self.weights = {MAIN: 1.0, **wanted(settings)}
        self.auxiliary = Auxiliary(model, settings) if wanted(settings) else None

    def forward(self, inputs: Inputs, targets: Tensor, perturb: Perturb | None = None) -> Losses:
        """Inputs of Q questions and their targets (Q,A) -> what each of them costs.

        perturb: changes each question's own embeddings (Q,L,E), identical ones apart.
        """
        plain = {name: tensor for name, tensor in inputs.items() if name not in BESIDE}
        plain = plain if perturb is None else each_question(plain)
        encoded = self.model.encode(**plain, perturb=perturb)
        joint = self.model.joint(encoded)
        logits = self.model.head(joint)
        main = question_losses(self.objective, logits, targets, self.label_smoothing)
        parts = {MAIN: main}
        if self.auxiliary is not None:
            second, fits = self._second_images(inputs), _fits(inputs)
            parts |= self.auxiliary(self.model, encoded, joint, second, fits)
        total = sum((self.weights[name] * parts[name] for name in parts), main.new_zeros(()))
        return Losses(total, parts)

    def _second_images(self, inputs: Inputs) -> Tensor | None:
        """The image tokens (B,N,D) of a second view, where there is one."""
        if "second_pixel_values" in inputs:
            return self.model.encode_images(inputs["second_pixel_values"])
        return inputs.get("second_image_tokens")


def _fits(inputs: Inputs) -> Tensor | None:
    """Whether each question's words are asked of each image (Q,B), where that is known."""
    if "fits" not in inputs:
        return None
    return inputs["fits"].index_select(0, inputs["question_index"])


def each_question(inputs: Inputs) -> Inputs:
    """Repeat questions that are given once (U rows), so that each of the Q has a row of its own."""
    rows = inputs["question_index"]
    return {
        name: tensor.index_select(0, rows) if name in OF_QUESTIONS else tensor
        for name, tensor in inputs.items()
        if name != "question_index"
    }
