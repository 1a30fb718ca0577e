from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqa_cli.data.preprocessor import normalize_question
from vqa_cli.data.tokenizer import MAX_WORD_CHARACTERS, SPECIAL_TOKENS, train_wordpiece
from vqa_cli.errors import DataError

QUESTIONS = [
    "What is on the stove?",
    "what is behind the stove?",
    "Cái gì ở trên bếp?",
    "炉子上有什么？",
    "ماذا على الموقد؟",
    "บนเตามีอะไร",
    "is it 🙂 or 👩‍🍳?",
]


def test_bert_form() -> None:
    tokenizer = train_wordpiece(QUESTIONS)
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]
    encoding = tokenizer.encode("What is on the STOVE?")
    assert encoding.tokens == ["[CLS]", "what", "is", "on", "the", "stove", "?", "[SEP]"]
    pair = tokenizer.encode("what", "is")
    assert pair.tokens == ["[CLS]", "what", "[SEP]", "is", "[SEP]"]
    assert pair.type_ids == [0, 0, 0, 1, 1]


def test_known_questions_have_no_unknown_token() -> None:
    tokenizer = train_wordpiece(QUESTIONS, vocab_size=10)
    for question in QUESTIONS:
        assert "[UNK]" not in tokenizer.encode(normalize_question(question)).tokens


def test_accents_tell_words_apart() -> None:
    tokenizer = train_wordpiece(["bà", "ba", "bá"])
    assert len({tokenizer.encode(word).ids[1] for word in ("bà", "ba", "bá", "BÀ")}) == 3


def test_frequent_words_are_whole_and_rare_ones_spelled() -> None:
    tokenizer = train_wordpiece(["cat cat cat dog"], vocab_size=5 + 6 + 4 + 1)
    assert tokenizer.encode("cat dog").tokens[1:-1] == ["cat", "d", "##o", "##g"]
    assert tokenizer.get_vocab_size() == 16


def test_case_can_be_kept() -> None:
    tokenizer = train_wordpiece(["What what"], lowercase=False)
    assert tokenizer.encode("What what").tokens[1:-1] == ["What", "what"]


def test_one_question_is_enough() -> None:
    assert train_wordpiece(["why?"]).encode("why?").tokens == ["[CLS]", "why", "?", "[SEP]"]


def test_no_questions() -> None:
    with pytest.raises(DataError, match="no training questions"):
        train_wordpiece([])


def test_order_does_not_matter_and_neither_does_the_process() -> None:
    program = (
        "import sys; from vqa_cli.data.tokenizer import train_wordpiece;"
        "sys.stdout.buffer.write(train_wordpiece(eval(sys.argv[1])).to_str().encode())"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, ascii(QUESTIONS[::-1])], capture_output=True, check=True
    )
    assert other.stdout.decode() == train_wordpiece(QUESTIONS).to_str()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_no_question_in_any_script_is_unknown(questions: list[str]) -> None:
    usable = []
    for question in questions:
        try:
            usable.append(normalize_question(question))
        except DataError:
            continue
    try:
        tokenizer = train_wordpiece(usable, vocab_size=20)
    except DataError:
        return
    for question in usable:
        assert "[UNK]" not in tokenizer.encode(question).tokens


def test_a_word_beyond_any_language_is_one_unknown_token() -> None:
    tokenizer = train_wordpiece(["a" * (MAX_WORD_CHARACTERS + 1), "b" * MAX_WORD_CHARACTERS])
    assert tokenizer.encode("a" * (MAX_WORD_CHARACTERS + 1)).tokens == ["[CLS]", "[UNK]", "[SEP]"]
    assert "[UNK]" not in tokenizer.encode("b" * MAX_WORD_CHARACTERS).tokens
