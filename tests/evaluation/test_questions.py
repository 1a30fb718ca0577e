from tests.evaluation.fakes import MemoryDataset, question
from vqa_cli.evaluation.questions import examples_of, watched_in


def test_questions_are_read_as_they_were_written():
    asked = [
        question(1, "a.png", "what?", "red", "blue", answer_kind="annotators", answerable=True),
        question(2, "b.png", "which?", choices=("a", "b"), extra={"correct_choice": 1}),
    ]
    assert examples_of(MemoryDataset(test=asked).rows("test")) == asked


def test_the_most_frequent_answers_are_watched_and_unanswerable():
    answers = [f"answer {number % 25}" for number in range(60)]
    watched = watched_in([question(1, "a.png", "?", answer) for answer in answers])
    assert len(watched) == 21
    assert watched[0] == "answer 0"
    assert watched[-1] == "unanswerable"
    asked = [question(1, "a.png", "?", "unanswerable"), question(2, "a.png", "?")]
    assert watched_in(asked) == ("unanswerable",)
