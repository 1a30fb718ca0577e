"""Losses beside the main one, each with a weight: consistency, contrastive, matching.

All are losses of single questions (Q,), so that a sum over questions divided by the global batch's
weight is exact with any number of parts and processes. Where a question is set against others,
these are of the part of the batch that one process computes at once: `--accumulation` and further
processes mean fewer negatives. Consistency looks at one question at a time and does not change.

Shapes: B images, Q questions, N image tokens, D their width, F the fusion's output.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqa_cli.config import TrainSettings
from vqa_cli.models.fusions import Encoded
from vqa_cli.models.vqa_model import VQAModel

CONSISTENCY, CONTRASTIVE, MATCHING = "consistency_loss", "contrastive_loss", "matching_loss"
"""The objectives as history.csv names them."""
FIRST_SCALE, HIGHEST_SCALE = 1 / 0.07, 100.0
"""CLIP's inverse temperature: where it begins, and what it may not exceed."""


def wanted(settings: TrainSettings) -> dict[str, float]:
    """Give the weights above zero by the objective's name."""
    weights = {
        CONSISTENCY: settings.consistency,
        CONTRASTIVE: settings.contrastive,
        MATCHING: settings.matching,
    }
    return {name: weight for name, weight in weights.items() if weight > 0}


def unused(means: Mapping[str, float]) -> list[str]:
    """Explain which objectives taught nothing in an epoch, by the means of their losses."""
    reasons = {
        CONSISTENCY: "--consistency has nothing to learn from: no view differs from its image",
        CONTRASTIVE: "--contrastive has nothing to learn from: the images of a batch are all asked "
        "the same, so that none is a wrong one",
        MATCHING: "--matching has nothing to learn from: the images of a batch are all asked the "
        "same, so that none is a wrong one",
    }
    return [reason for name, reason in reasons.items() if means.get(name) == 0.0]


class Auxiliary(nn.Module):
    """The auxiliary objectives that have a weight, with the parameters they need beside the model.

    These parameters learn with the model's and are in a run's state, not in its weights.
    """

    def __init__(self, model: VQAModel, settings: TrainSettings) -> None:
        super().__init__()
        self.wanted = wanted(settings).keys()
        if CONTRASTIVE in self.wanted:
            self.contrastive = Contrastive(
                model.image_encoder.width, question_width(model), model.config.width
            )
        if MATCHING in self.wanted:
            self.matching = Matching(model.fusion.out_features)

    def forward(
        self,
        model: VQAModel,
        encoded: Encoded,
        joint: Tensor,
        second_images: Tensor | None = None,
        fits: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Give each objective's losses (Q,), not yet weighted.

        joint (Q,F): the fusion of `encoded`. Consistency needs second_images (B,N,D), the tokens of
        other views; contrastive and matching need fits (Q,B): whether the question's words are
        asked of the image, so that this one is no negative.
        """
        losses: dict[str, Tensor] = {}
        if CONSISTENCY in self.wanted:
            assert second_images is not None
            second = model.joint(encoded._replace(image_tokens=second_images))
            losses[CONSISTENCY] = consistency_losses(joint, second)
        if CONTRASTIVE in self.wanted:
            assert fits is not None
            losses[CONTRASTIVE] = self.contrastive(encoded, fits)
        if MATCHING in self.wanted:
            assert fits is not None
            other, found = other_images(fits)
            shuffled = model.joint(encoded._replace(image_index=other))
            losses[MATCHING] = self.matching(joint, shuffled) * found
        return losses


def question_width(model: VQAModel) -> int:
    """Return the width of the question tokens that the model's fusion consumes."""
    encoder = model.question_encoder
    return encoder.embedding_width if model.fusion.consumes == "embeddings" else encoder.width


def consistency_losses(joint: Tensor, second: Tensor) -> Tensor:
    """Two joint representations (Q,F) of each question -> their mean squared difference (Q,).

    The stability loss of Zheng et al., "Improving the Robustness of Deep Neural Networks via
    Stability Training", CVPR 2016 (arXiv:1604.04326), on squared distances; both sides learn, and
    each has its own dropout, as in the Π-model of Laine and Aila, ICLR 2017 (arXiv:1610.02242).
    The mean over the features makes the weight mean the same at every width.
    """
    return (joint.float() - second.float()).square().mean(-1)


class Contrastive(nn.Module):
    """A question is nearest to its own image, and an image to its own questions."""

    def __init__(self, image_width: int, question_width: int, width: int) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.LayerNorm(image_width), nn.Linear(image_width, width))
        self.question = nn.Sequential(
            nn.LayerNorm(question_width), nn.Linear(question_width, width)
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))

    def forward(self, encoded: Encoded, fits: Tensor) -> Tensor:
        """Encoded batch and who fits whom (Q,B) -> losses (Q,)."""
        images = F.normalize(self.image(encoded.image_tokens.mean(1)).float(), dim=-1)  # (B,W)
        questions = F.normalize(self.question(encoded.pooled_question()).float(), dim=-1)  # (Q,W)
        scale = self.log_scale.exp().clamp(max=HIGHEST_SCALE)
        with torch.autocast(images.device.type, enabled=False):  # a scale of 100 asks for digits
            scores = scale * questions @ images.T
        return contrastive_losses(scores, encoded.image_index, fits)


def contrastive_losses(scores: Tensor, image_index: Tensor, fits: Tensor) -> Tensor:
    """Scores (Q,B) of questions and images -> the mean of both directions' InfoNCE (Q,).

    CLIP (Radford et al., 2021, arXiv:2103.00020) has one text an image; here an image b has the
    questions P(b), and N(b) are those whose words nobody asks of b. With i(q) the image of q and
    N(q) the images that q does not fit:

        q -> images:     -log exp s(q,i) / (exp s(q,i) + sum over b' in N(q) of exp s(q,b'))
        i -> questions:  -log exp s(q,i) / (exp s(q,i) + sum over q' in N(i) of exp s(q',i))

    The mean of the second over q in P(i) is the loss of several positives that stands outside the
    logarithm in Khosla et al., "Supervised Contrastive Learning", 2020 (arXiv:2004.11362, eq. 2),
    without the other positives in the denominator: the questions of an image need not compete, and
    the loss can reach 0. With one question an image, no two alike, both are CLIP's. A question
    without negatives has loss 0.
    """
    own = F.one_hot(image_index, scores.shape[1]).bool()  # (Q,B)
    itself = torch.eye(len(scores), dtype=torch.bool, device=scores.device)  # (Q,Q)
    to_images = scores.masked_fill(fits & ~own, -math.inf)
    to_questions = scores.T.index_select(0, image_index)  # (Q,Q): row q has q's image's scores
    excluded = fits.T.index_select(0, image_index) & ~itself
    to_questions = to_questions.masked_fill(excluded, -math.inf)
    numbers = torch.arange(len(scores), device=scores.device)
    return 0.5 * (
        F.cross_entropy(to_images, image_index, reduction="none")
        + F.cross_entropy(to_questions, numbers, reduction="none")
    )


def other_images(fits: Tensor) -> tuple[Tensor, Tensor]:
    """Who fits whom (Q,B) -> an image for each question (Q,) that it does not fit.

    Drawn from torch's random numbers, every such image equally likely. Where there is none, as in
    a batch of a single image, the first one stands in, and the second result (Q,) is false.
    """
    drawn = torch.rand(fits.shape, device=fits.device).masked_fill(fits, -1.0)
    return drawn.argmax(1), ~fits.all(1)


class Matching(nn.Module):
    """Tell a question's own image from another: image-text matching.

    As in Chen et al., UNITER, ECCV 2020 (arXiv:1909.11740) and Li et al., ALBEF, NeurIPS 2021
    (arXiv:2107.07651), here with one shuffled pair for every right one.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, 1)

    def forward(self, joint: Tensor, shuffled: Tensor) -> Tensor:
        """Joint representations (Q,F) with the own and with another image -> losses (Q,)."""
        right, wrong = (self.score(features).float().squeeze(-1) for features in (joint, shuffled))
        return 0.5 * (F.softplus(-right) + F.softplus(wrong))
