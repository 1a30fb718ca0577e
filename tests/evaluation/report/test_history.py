import pytest

from vqa_cli.errors import ModelError
from vqa_cli.evaluation.report.history import read_history
from vqa_cli.evaluation.report.training_charts import training_charts


def test_the_epochs_of_a_run_begin_with_the_untrained_model(run):
    epochs = read_history(run)
    assert epochs[0] == {"epoch": 0, "val_accuracy": 0.125}
    assert epochs[1] == {
        "epoch": 1, "loss": 2.5, "val_loss": 2.75, "val_accuracy": 0.25, "seconds": 1.5
    }  # fmt: skip
    assert [epoch["epoch"] for epoch in epochs] == [0, 1, 2, 3]


def test_a_model_without_history_has_no_curves(tmp_path):
    assert read_history(tmp_path) == []
    assert training_charts([]) == []


def test_cells_that_hold_no_number_are_left_out(run):
    (run / "history.csv").write_text("epoch,loss,val_loss\n1,nan,\n2,0.5,x,9\n")
    (run / "metrics.json").unlink()
    assert read_history(run) == [{"epoch": 1}, {"epoch": 2, "loss": 0.5}]
    assert len(training_charts(read_history(run))) == 1


def test_a_damaged_history_is_told(run):
    (run / "history.csv").write_text("epoch,loss\n1,0.5\n,0.25\n")
    with pytest.raises(ModelError, match=r"history\.csv: damaged: a row has no number as its epo"):
        read_history(run)
    (run / "history.csv").write_bytes(b"epoch\xff\n")
    with pytest.raises(ModelError, match=r"history\.csv: cannot be read"):
        read_history(run)


def test_the_curves_tell_the_best_epoch_and_the_model_before(run):
    losses, accuracy = training_charts(read_history(run))
    assert "epoch 2: val loss 2.0000" in losses
    assert '<td class="number">2.75</td>' in losses
    assert "The weights of epoch 2 were kept: 62.50 % on val." in accuracy
    assert "Epoch 0 is the model before its training: 12.50 %." in accuracy


def test_an_untrained_model_that_was_better_is_not_taken_for_the_best_epoch(run):
    (run / "metrics.json").write_text('{"val_accuracy_untrained": 0.99}')
    assert "The weights of epoch 2 were kept" in training_charts(read_history(run))[1]
