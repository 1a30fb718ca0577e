"""What every step of the way from data to task needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vqa_cli.console import Reporter
from vqa_cli.data.feature_cache import features_folder
from vqa_cli.data.prepared import PreparedDataset
from vqa_cli.device import Device
from vqa_cli.models.checkpoint import Checkpoint
from vqa_cli.models.extraction_loop import Processes
from vqa_cli.training.beginning import Beginning


@dataclass(frozen=True)
class Context:
    """A run's beginning, its data, and where and with whom it runs."""

    beginning: Beginning
    data: PreparedDataset
    device: Device
    processes: Processes
    report: Reporter

    @property
    def checkpoint(self) -> Checkpoint:
        return self.beginning.checkpoint

    @property
    def features(self) -> Path:
        """Where features are kept."""
        return features_folder(self.data.folder)
