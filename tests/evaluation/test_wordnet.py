import sys
from itertools import product

import pytest

from tests.evaluation.tiny_wordnet import write_wordnet
from vqa_cli.errors import DataError, SettingsError
from vqa_cli.evaluation.wordnet import USUAL_FOLDER, WORDNET_VARIABLE, WordNet, find_wordnet


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory):
    with WordNet(write_wordnet(tmp_path_factory.mktemp("wordnet"))) as opened:
        yield opened


@pytest.mark.parametrize(
    ("word", "other", "similarity"),
    [
        # 2 x the depth of the lowest word above both, by the sum of their depths; entity is at 1
        ("table", "chair", 2 * 3 / (4 + 5)),
        ("chair", "seat", 2 * 4 / (5 + 4)),
        ("chair", "armchair", 2 * 5 / (5 + 6)),
        ("dog", "chair", 2 * 1 / (3 + 5)),
        ("Chairs", "chair", 1.0),
        ("easy chair", "armchair", 1.0),
        ("floor mat", "floor_mat", 1.0),
        ("xyz", "chair", 0.0),
        ("", "chair", 0.0),
        ("ghế", "chair", 0.0),
    ],
)
def test_similarity_by_hand(wordnet, word, other, similarity):
    assert wordnet.similarity(word, other) == pytest.approx(similarity)
    assert wordnet.similarity(other, word) == pytest.approx(similarity)


def test_where_wordnet_is_looked_for(tmp_path, monkeypatch):
    given, named = write_wordnet(tmp_path / "given"), write_wordnet(tmp_path / "named")
    monkeypatch.setenv(WORDNET_VARIABLE, str(named))
    assert find_wordnet() == named
    assert find_wordnet(given) == given
    monkeypatch.delenv(WORDNET_VARIABLE)
    monkeypatch.setattr("vqa_cli.evaluation.wordnet.USUAL_FOLDER", given)
    assert find_wordnet() == given


def test_without_wordnet_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr("vqa_cli.evaluation.wordnet.USUAL_FOLDER", tmp_path / "nowhere")
    monkeypatch.delenv(WORDNET_VARIABLE, raising=False)
    with pytest.raises(SettingsError, match=r"there are none in .*nowhere.*wordnet-base.*DIR"):
        find_wordnet()
    monkeypatch.setenv(WORDNET_VARIABLE, str(tmp_path / "elsewhere"))
    with pytest.raises(SettingsError, match=r"VQA_WORDNET is .*elsewhere .no data.noun"):
        find_wordnet()
    (write_wordnet(tmp_path / "half") / "noun.exc").unlink()
    with pytest.raises(SettingsError, match=r"--wordnet is .*half .no noun.exc\)"):
        find_wordnet(tmp_path / "half")


def test_without_nltk_it_is_said_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nltk.data", None)
    with pytest.raises(SettingsError, match=r"pip install 'vqa-cli\[wups\]'"):
        WordNet(write_wordnet(tmp_path))


@pytest.mark.parametrize(
    ("file", "content"), [("index.verb", None), ("index.noun", "chair n one\n")]
)
def test_files_that_nltk_cannot_read(tmp_path, file, content):
    path = write_wordnet(tmp_path) / file
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(DataError, match=r"nltk cannot read WordNet's files there: .*" + file):
        WordNet(tmp_path)


def above(folder):
    """The taxonomy of the nouns, read without nltk: word -> senses, sense -> those above it."""
    senses, higher = {}, {}
    for line in (folder / "index.noun").read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            parts = line.split()
            senses[parts[0]] = [int(offset) for offset in parts[-int(parts[2]) :]]
    for line in (folder / "data.noun").read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            parts = line.split(" | ")[0].split()
            pointers = 4 + 2 * int(parts[3], 16)
            higher[int(parts[0])] = [
                int(parts[place + 1])
                for place in range(pointers + 1, pointers + 1 + 4 * int(parts[pointers]), 4)
                if parts[place] in ("@", "@i")
            ]
    return senses, higher


def steps_up(sense, higher):
    steps, queue = {sense: 0}, [sense]
    for one in queue:
        for upper in higher[one]:
            if upper not in steps:
                steps[upper] = steps[one] + 1
                queue.append(upper)
    return steps


def wu_palmer(one, other, higher):
    """2 N3 / (N1 + N2 + 2 N3) of Wu and Palmer 1994, the best over all senses above both."""

    def depth(sense):
        return 1 + max((depth(upper) for upper in higher[sense]), default=0)

    ups, other_ups = steps_up(one, higher), steps_up(other, higher)
    return max(
        2 * depth(sense) / (ups[sense] + other_ups[sense] + 2 * depth(sense))
        for sense in ups.keys() & other_ups.keys()
    )


@pytest.mark.slow
def test_similarities_of_the_real_wordnet():
    if not USUAL_FOLDER.exists():
        pytest.skip(f"there is no {USUAL_FOLDER}; Debian's package wordnet-base has it")
    words = ["table", "chair", "sofa", "lamp", "door", "window", "bed", "pillow", "book", "bottle"]
    senses, higher = above(USUAL_FOLDER)
    with WordNet(find_wordnet(USUAL_FOLDER)) as wordnet:
        for word, other in product(words, repeat=2):
            pairs = product(senses[word], senses[other])
            formula = max(wu_palmer(x, y, higher) for x, y in pairs)
            assert wordnet.similarity(word, other) == pytest.approx(formula), (word, other)
