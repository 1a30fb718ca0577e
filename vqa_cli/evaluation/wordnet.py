"""How similar two words are by WordNet, read with nltk's reader."""

from __future__ import annotations

import io
import os
import warnings
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import IO, Any, Self

from vqa_cli.data.answers import answer_key
from vqa_cli.errors import DataError, SettingsError

WORDNET_VARIABLE = "VQA_WORDNET"
USUAL_FOLDER = Path("/usr/share/wordnet")
_NEEDED = ("data.noun", "index.noun", "noun.exc")
_LEXICOGRAPHERS_FILES = 45
_NOUN = "n"


def find_wordnet(given: Path | None = None) -> Path:
    """The folder of WordNet's files: `given`, else VQA_WORDNET, else where Debian puts them.

    Raises SettingsError where there is none; it says how to get one.
    """
    named = os.environ.get(WORDNET_VARIABLE)
    folder, origin = USUAL_FOLDER, "there are none in"
    if given is not None:
        folder, origin = given, "--wordnet is"
    elif named:
        folder, origin = Path(named), f"{WORDNET_VARIABLE} is"
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if missing:
        raise SettingsError(
            f"WUPS needs WordNet's files; {origin} {folder} (no {', '.join(missing)}): install "
            "Debian's package wordnet-base, or unpack WordNet 3.0 (https://wordnet.princeton.edu) "
            f"and name its folder dict with --wordnet DIR or {WORDNET_VARIABLE}"
        )
    return folder


class WordNet:
    """The nouns of WordNet, and the Wu-Palmer similarity between them.

    folder: WordNet's files: data, index and exceptions of nouns, verbs, adjectives and adverbs.
    They stay open until `close`, or until the end of a `with`.

    Raises SettingsError without nltk, DataError where the files are missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._files = ExitStack()
        self._reader = _open(folder, self._files)
        self._senses = cache(self._find_senses)

    def close(self) -> None:
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def similarity(self, word: str, other: str) -> float:
        """The best Wu-Palmer similarity of any two noun senses of the words, in [0, 1].

        0 where one of them is no noun that WordNet knows. It depends a little on the order of the
        two, as nltk's `wup_similarity` does.
        """
        return max(
            (
                sense.wup_similarity(another) or 0.0
                for sense in self._senses(word)
                for another in self._senses(other)
            ),
            default=0.0,
        )

    def _find_senses(self, word: str) -> list[Any]:
        spelt = answer_key(word).replace(" ", "_")
        senses: list[Any] = self._reader.synsets(spelt, pos=_NOUN)
        return senses


def _open(folder: Path, files: ExitStack) -> Any:
    try:
        import nltk.data
        from nltk.corpus.reader.wordnet import WordNetCorpusReader, WordNetError
    except ImportError as error:
        raise SettingsError(
            "WUPS needs nltk, which is not installed: pip install 'vqa-cli[wups]'"
        ) from error

    class Reader(WordNetCorpusReader):  # type: ignore[misc]  # nltk has no types
        """Nltk's reader, for a folder as Linux distributions ship it."""

        def open(self, file: str) -> IO[str]:
            # The list of the lexicographers' files, which nothing here asks for, is absent there.
            if file == "lexnames" and not (folder / file).is_file():
                lines = (f"{number:02} file{number} 0\n" for number in range(_LEXICOGRAPHERS_FILES))
                return io.StringIO("".join(lines))
            stream: IO[str] = super().open(file)
            files.callback(stream.close)
            return stream

        def map_wn(self, version: str = "wordnet") -> None:
            """Map no versions onto each other: nltk would look for its own copy of WordNet."""

        @cache  # noqa: B019  # read anew for each pair of senses else, which takes most of the time
        def get_version(self) -> str | None:
            version: str | None = super().get_version()
            return version

    # Nltk refuses to read outside of the folders that it is told of.
    nltk.data.path.append(str(folder.resolve()))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The multilingual functions")
            return Reader(str(folder.resolve()), None)
    except (OSError, WordNetError, ValueError, LookupError, AssertionError) as error:
        files.close()
        raise DataError(f"{folder}: nltk cannot read WordNet's files there: {error}") from error
