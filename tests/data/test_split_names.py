import pytest

from vqa_cli.data.split_names import split_of


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.csv", "train"),
        ("my_training.parquet", "train"),
        ("validation", "val"),
        ("DEV.tsv", "val"),
        ("test2015.jsonl", "test"),
        ("data/test", "test"),
        ("trainval.csv", None),
        ("train_and_test.csv", None),
        ("questions.csv", None),
        ("", None),
    ],
)
def test_the_split_that_a_name_says(name: str, split: str | None) -> None:
    assert split_of(name) == split
