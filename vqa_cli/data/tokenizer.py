"""A WordPiece tokenizer of one's own, for a question encoder that is trained from scratch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from vqa_cli.data.preprocessor import normalize_question
from vqa_cli.errors import DataError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_WORD_CHARACTERS = 512
"""Longer runs without a space become [UNK]. Scripts without spaces need more than BERT's 100;
the cost of a word grows with the cube of its length."""


def train_wordpiece(
    questions: Iterable[str], vocab_size: int = 8192, lowercase: bool = True
) -> Tokenizer:
    """Build a BERT-style WordPiece tokenizer from the training questions.

    Its vocabulary: the special tokens, every character seen (as a beginning and as a `##`
    continuation), then whole words from the most frequent down, until `vocab_size` is reached.
    So a frequent word is one token, a rare one is spelled, and no question of these gives
    [UNK]; the characters alone may exceed `vocab_size`. Accents are kept: in Vietnamese, say,
    they are the difference between words.

    The same questions give the same tokenizer, whatever their order; the trainer of the
    tokenizers library does not promise that. Raises DataError where there are no questions.
    """
    tokenizer = Tokenizer(models.WordPiece(vocab={}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=lowercase
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words = _count_words(tokenizer, questions)
    if not words:
        raise DataError("no training questions to build a tokenizer from")
    vocabulary = _vocabulary(words, vocab_size)
    tokenizer.model = models.WordPiece(
        vocab={token: index for index, token in enumerate(vocabulary)},
        unk_token="[UNK]",
        max_input_chars_per_word=MAX_WORD_CHARACTERS,
    )
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(token, vocabulary.index(token)) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _count_words(tokenizer: Tokenizer, questions: Iterable[str]) -> Counter[str]:
    words: Counter[str] = Counter()
    # Each distinct question is split once: a dataset asks the same things again and again.
    for question, count in Counter(map(normalize_question, questions)).items():
        text = tokenizer.normalizer.normalize_str(question)
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text):
            words[word] += count
    return words


def _vocabulary(words: Counter[str], vocab_size: int) -> list[str]:
    characters = sorted({character for word in words for character in word})
    inner = sorted({character for word in words for character in word[1:]})
    tokens = dict.fromkeys([*SPECIAL_TOKENS, *characters, *(f"##{c}" for c in inner)])
    for word, _ in sorted(words.items(), key=lambda item: (-item[1], item[0])):
        if len(tokens) >= vocab_size:
            break
        tokens[word] = None
    return list(tokens)
