"""The model with what it is taught: the losses of a batch's questions."""

from __future__ import annotations

from torch import Tensor, nn

from vqa_cli.config import TrainSettings
from vqa_cli.models.vqa_model import Perturb, VQAModel
from vqa_cli.training.objective import question_losses
from vqa_cli.training.split_data import Inputs


class Learner(nn.Module):
    """What is trained, and what several processes wrap as one module."""

    def __init__(self, model: VQAModel, settings: TrainSettings) -> None:
        super().__init__()
        self.model = model
        self.objective = settings.objective
        self.label_smoothing = settings.label_smoothing

    def forward(self, inputs: Inputs, targets: Tensor, perturb: Perturb | None = None) -> Tensor:
        """Inputs of Q questions and their targets (Q,A) -> what each of them costs, (Q,)."""
        encoded = self.model.encode(**inputs, perturb=perturb)
        logits = self.model.head(self.model.joint(encoded))
        return question_losses(self.objective, logits, targets, self.label_smoothing)
