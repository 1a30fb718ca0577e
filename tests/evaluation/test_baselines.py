import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.data.example import Example
from vqa_cli.data.vocabulary import AnswerVocabulary
from vqa_cli.evaluation.baselines import blind_baselines


def ask(question, *answers, kind="alternatives", type=None):
    return Example("a.png", question, answers, "1", kind, question_type=type)


TRAIN = [
    ask("What colour is the cat?", "black", type="colour"),
    ask("What colour is the cat?", "black", type="colour"),
    ask("What colour is the dog?", "brown", type="colour"),
    ask("Is there a cat?", "yes", type="yes/no"),
    ask("Is there a cat?", "yes", type="yes/no"),
    ask("Is there a dog?", "yes", type="yes/no"),
    ask("Is there a bird?", "no", type="yes/no"),
]


def test_each_baseline_answers_by_what_it_knows():
    scores = blind_baselines(
        TRAIN,
        [
            ask("what colour is the DOG", "brown", type="colour"),  # only the look-up
            ask("What colour is the sofa?", "black", type="colour"),  # look-up and type
            ask("Is there a bird?", "no", type="yes/no"),  # only the look-up
            ask("Where is it?", "yes", type="place"),  # all of them: the majority answer
        ],
    )
    assert scores == {"majority": 0.25, "per_question_type": 0.5, "question_only": 1.0}


def test_an_unseen_question_goes_by_the_longest_shared_beginning():
    train = [
        ask("What is on the stove?", "pot"),
        ask("What is on the bed?", "pillow"),
        ask("What is on the bed next to the lamp?", "blanket"),
        ask("What is on the bed next to the door?", "blanket"),
        *[ask("What is under it?", "box")] * 5,
    ]
    question = ask("What is on the bed next to the cat?", "blanket")
    assert blind_baselines(train, [question])["question_only"] == 1
    same_words = ask("what is ON the bed", "pillow")  # the same question, not its longer ones
    assert blind_baselines(train, [same_words])["question_only"] == 1
    other = ask("What is behind it?", "box")
    assert blind_baselines(train, [other])["question_only"] == 1


def test_without_types_there_is_no_type_prior():
    assert list(blind_baselines([ask("q", "a")], [ask("q", "a")])) == ["majority", "question_only"]


def test_answers_count_for_what_they_are_worth():
    train = [
        ask("q", *["cat"] * 2, *["dog"] * 8, kind="annotators"),
        ask("q", *["cat"] * 2, *["cow"] * 8, kind="annotators"),
    ]
    question = ask("q", *["cat"] * 10, kind="annotators")
    # Both questions give "cat" 0.6 and their other answer 1: 1.2 in all beats 1.
    assert blind_baselines(train, [question])["majority"] == 1


def test_spellings_are_one_answer_and_ties_do_not_depend_on_the_order():
    train = [ask("q", "Red"), ask("q", "red"), ask("q", "blue"), ask("p", "blue"), ask("p", "red")]
    question = ask("q", "red")
    for order in (train, train[::-1]):
        assert blind_baselines(order, [question])["question_only"] == 1


def test_a_tie_goes_to_the_answer_that_earns_more_over_all():
    train = [ask("q", "zebra"), ask("q", "ant"), ask("p", "zebra")]
    assert blind_baselines(train, [ask("q", "zebra")])["question_only"] == 1


@pytest.mark.parametrize(
    ("question", "bound"),
    [
        (ask("q", "CAT"), 1.0),
        (ask("q", "giraffe"), 0.0),
        (ask("q", "giraffe", "cat"), 1.0),
        (ask("q", "giraffe", "cat", kind="set"), 0.0),
        (ask("q", *["cat"] * 2, *["giraffe"] * 8, kind="annotators"), 0.6),
        # Another key, but the same answer to the official evaluator.
        (ask("q", *["a t shirt"] * 9, "x", kind="annotators"), 1.0),
        # All agree, so nothing is normalised: the vocabulary's spelling earns nothing.
        (ask("q", *["Cat"] * 10, kind="annotators"), 0.0),
    ],
)
def test_vocabulary_upper_bound(question, bound):
    vocabulary = AnswerVocabulary.build(["cat", "t-shirt"])
    scores = blind_baselines(TRAIN, [question], vocabulary)
    assert scores["vocabulary_upper_bound"] == pytest.approx(bound)


def test_without_answers_in_train_only_the_bound_is_left():
    vocabulary = AnswerVocabulary.build(["cat"])
    for train in ([], [ask("q")]):
        assert blind_baselines(train, [ask("q", "cat")], vocabulary) == {
            "vocabulary_upper_bound": 1.0
        }


def test_no_questions_no_baselines():
    assert blind_baselines(TRAIN, []) == {}


def test_questions_in_any_script():
    train = [ask("这是什么？", "猫"), ask("con mèo màu gì?", "đen"), ask("x", "y"), ask("x", "y")]
    questions = [ask("这是什么", "猫"), ask("Con mèo màu gì", "đen"), ask("con mèo ở đâu", "đen")]
    assert blind_baselines(train, questions)["question_only"] == 1


WORDS = st.lists(st.sampled_from(["a", "b", "ab", "一"]), max_size=4)
ASKED = st.tuples(WORDS, st.sampled_from("xyz"))


def naive_answer(train, words):
    """The best answer by the longest beginning, as the module's top says it; all earn 1 each."""
    same = [answer for known, answer in train if known == words]
    begins = [
        [answer for known, answer in train if known[:length] == words[:length]]
        for length in range(len(words), 0, -1)
    ]
    everything = [answer for _, answer in train]
    found = next(answers for answers in (same, *begins, everything) if answers)
    return min(found, key=lambda a: (-found.count(a), -everything.count(a), a))


@given(st.lists(ASKED, min_size=1, max_size=12), WORDS)
def test_question_only_is_as_if_every_beginning_was_looked_up(train, words):
    known = [ask(" ".join(asked), answer) for asked, answer in train]
    question = ask(" ".join(words), naive_answer(train, words))
    assert blind_baselines(known, [question])["question_only"] == 1
