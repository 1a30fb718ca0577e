from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from timm.data import create_transform
from tokenizers import Tokenizer
from transformers import AutoTokenizer, BertTokenizer

from vqa_cli.data.preprocessor import ImageTransform, Preprocessor, normalize_question
from vqa_cli.data.tokenizer import train_wordpiece
from vqa_cli.errors import DataError, ModelError

MULTILINGUAL = [
    "What is on the table?",
    "  WHAT   is\ton the\n table ",
    "Có bao nhiêu con mèo đang ngủ?",
    "Co\u0301 ba\u0300 me\u0323 kho\u0302ng",  # combining marks
    "桌子上有什么东西？",
    "كم عدد القِطَطِ في الصورة؟",
    "сколько кошек на столе?",
    "मेज पर क्या है?",
    "고양이는 어디에 있나요?",
    "🙂 how many 👩‍👩‍👧 are there? 🇻🇳",
    "naïve Ångström ﬁne İstanbul ß",
    "[MASK] or [SEP]?",
    "it's 3.5 m, isn't it?",
    "zero\u200bwidth and soft\u00adhyphen",
    "x" * 150,
]


def noise(height: int, width: int) -> Image.Image:
    pixels = np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8))


def preprocessor(max_tokens: int = 64, **transform: object) -> Preprocessor:
    options = {"height": 8, "width": 8} | transform
    return Preprocessor(ImageTransform(**options), train_wordpiece(MULTILINGUAL), max_tokens)


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def bert_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a question encoder's folder holds, written by transformers itself."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz?.'"]
    vocabulary += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    vocabulary += [
        "what",
        "What",
        "is",
        "on",
        "the",
        "table",
        "how",
        "many",
        "桌",
        "子",
        "上",
        "🙂",
    ]
    vocabulary += ["мер", "##ка", "Co", "Có", "co", "ك", "##م", "क", "##या", "고양이", "ᄀ", "##ᅩ"]
    folder = tmp_path_factory.mktemp("bert")
    tokenizer = BertTokenizer(
        vocab={token: index for index, token in enumerate(vocabulary)}, do_lower_case=request.param
    )
    tokenizer.save_pretrained(folder)
    return folder


def test_token_ids_equal_those_of_transformers(bert_folder: Path) -> None:
    reference = AutoTokenizer.from_pretrained(bert_folder)
    tokenizer = Tokenizer.from_file(str(bert_folder / "tokenizer.json"))
    ours = Preprocessor(ImageTransform(8, 8), tokenizer, 24)
    texts = [normalize_question(text) for text in MULTILINGUAL]
    expected = reference(
        texts, padding="longest", truncation=True, max_length=24, return_tensors="np"
    )
    input_ids, attention_mask = ours.questions(MULTILINGUAL)
    assert np.array_equal(input_ids, expected["input_ids"])
    assert np.array_equal(attention_mask, expected["attention_mask"])
    assert "[UNK]" not in tokenizer.encode("what is on the table?").tokens


@settings(max_examples=200, deadline=None)
@given(text=st.text(min_size=1, max_size=40))
@example(text="e\u0301\u0323\u200d\ufe0f")
def test_token_ids_equal_those_of_transformers_on_any_text(bert_folder: Path, text: str) -> None:
    reference = AutoTokenizer.from_pretrained(bert_folder)
    tokenizer = Tokenizer.from_file(str(bert_folder / "tokenizer.json"))
    try:
        question = normalize_question(text)
    except DataError:
        return
    ids = Preprocessor(ImageTransform(8, 8), tokenizer, 16).token_ids([text])
    assert ids == [reference(question, truncation=True, max_length=16)["input_ids"]]


def test_padding_and_truncation_of_the_tokenizer_file_are_replaced() -> None:
    tokenizer = train_wordpiece(MULTILINGUAL)
    tokenizer.enable_padding(length=128, direction="left", pad_id=0)
    tokenizer.enable_truncation(3, direction="left")
    before = tokenizer.to_str()
    ours = Preprocessor(ImageTransform(8, 8), tokenizer, 5)
    input_ids, attention_mask = ours.questions(["what is on the table", "what"])
    assert input_ids.shape == (2, 5)
    assert attention_mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert ours.tokenizer.decode(input_ids[0].tolist()) == "what is on"
    assert tokenizer.to_str() == before


def test_a_question_may_be_very_long() -> None:
    ours = preprocessor(max_tokens=16)
    input_ids, attention_mask = ours.questions(["what is on the table? " * 500, "a" * 10_000])
    assert input_ids.shape == attention_mask.shape == (2, 16)
    assert input_ids.dtype == attention_mask.dtype == np.int64
    assert input_ids[0, -1] == ours.tokenizer.token_to_id("[SEP]")


@pytest.mark.parametrize("question", ["", "   ", "\n\t\u3000", "\u200b\u00ad", "\x00\x1f"])
def test_an_empty_question(question: str) -> None:
    with pytest.raises(DataError, match="the question is empty"):
        preprocessor().questions(["what", question])


def test_normal_form() -> None:
    assert normalize_question("  Où\u0020\u00a0est\n le Cafe\u0301 ? ") == "Où est le Café ?"
    assert normalize_question("a\ud83d\ude42b") == "a🙂b"
    assert normalize_question("bad \udcff byte") == "bad \ufffd byte"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=100))
def test_any_text_is_normalised_once_or_refused(text: str) -> None:
    try:
        normal = normalize_question(text)
    except DataError:
        return
    assert normalize_question(normal) == normal
    assert len(preprocessor().token_ids([text])[0]) >= 2


def test_no_questions_and_no_images() -> None:
    ours = preprocessor()
    assert ours.questions([])[0].shape == (0, 0)
    assert ours.images([]).shape == (0, 3, 8, 8)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "lanczos", "nearest"])
@pytest.mark.parametrize(("resize", "crop_mode"), [("squash", "squash"), ("letterbox", "border")])
@pytest.mark.parametrize(
    "shape", [(37, 91), (300, 200), (1, 1), (64, 64), (64, 96), (500, 31), (96, 64)]
)
def test_pixels_equal_those_of_timm(
    interpolation: str, resize: str, crop_mode: str, shape: tuple[int, int]
) -> None:
    image = noise(*shape)
    for size in ((64, 64), (96, 64), (33, 50)):
        options = {"interpolation": interpolation, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
        ours = preprocessor(height=size[0], width=size[1], resize=resize, **options)
        timm_options = {"crop_pct": 1.0, "crop_mode": crop_mode, **options}
        raw = create_transform((3, *size), normalize=False, **timm_options)(image)
        assert np.array_equal(ours.pixels(image).transpose(2, 0, 1), raw.numpy())
        expected = create_transform((3, *size), **timm_options)(image)
        assert np.array_equal(ours.images([image])[0], expected.numpy())


def test_letterbox_keeps_a_line_of_an_extreme_image() -> None:
    ours = preprocessor(resize="letterbox", mean=(0.0, 0.0, 0.0))
    pixels = ours.pixels(Image.new("RGB", (5000, 1), "white"))
    assert (pixels[..., 0] == 255).sum() == 8
    assert preprocessor().pixels(Image.new("RGB", (5000, 1), "white")).min() == 255


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from(["squash", "letterbox"]),
)
def test_any_size_fits(shape: tuple[int, int], size: tuple[int, int], resize: str) -> None:
    transform = ImageTransform(*size, resize=resize)
    pixels = transform.pixels(noise(*shape))
    assert pixels.shape == (*size, 3)
    assert pixels.dtype == np.uint8
    values = transform.normalize(pixels[None])
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    assert values.shape == (1, 3, *size)


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    ours = preprocessor(12, height=20, width=10, resize="letterbox", mean=(0.1, 0.2, 0.3))
    ours.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["preprocess.json", "tokenizer.json"]
    loaded = Preprocessor.load(tmp_path)
    assert loaded.to_mapping() == ours.to_mapping()
    for mine, theirs in zip(
        ours.questions(MULTILINGUAL), loaded.questions(MULTILINGUAL), strict=True
    ):
        assert np.array_equal(mine, theirs)
    assert np.array_equal(ours.images([noise(9, 9)]), loaded.images([noise(9, 9)]))


def test_pad_token(tmp_path: Path) -> None:
    tokenizer = train_wordpiece(["what"])
    assert Preprocessor(ImageTransform(8, 8), tokenizer, 8).pad_token_id == 0
    assert Preprocessor(ImageTransform(8, 8), tokenizer, 8, pad_token_id=3).pad_token_id == 3
    tokenizer.enable_padding(pad_id=4)
    ours = Preprocessor(ImageTransform(8, 8), tokenizer, 8)
    ours.save(tmp_path)
    assert Preprocessor.load(tmp_path).questions(["what", "what what"])[0][0, -1] == 4
    without = Tokenizer.from_str(train_wordpiece(["what"]).to_str().replace("[PAD]", "[NIL]"))
    with pytest.raises(ModelError, match="no padding token"):
        Preprocessor(ImageTransform(8, 8), without, 8)


def damage(folder: Path, name: str, **changes: object) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("name", ["preprocess.json", "tokenizer.json"])
def test_missing_and_damaged_files(tmp_path: Path, name: str) -> None:
    preprocessor().save(tmp_path)
    (tmp_path / name).write_text('{"format_version": 1')
    with pytest.raises(ModelError, match=rf"{name}: is damaged"):
        Preprocessor.load(tmp_path)
    (tmp_path / name).write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ModelError, match=name):
        Preprocessor.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ModelError, match=rf"{name}: is missing"):
        Preprocessor.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, "format_version 2.*newer"),
        ({"image": {"height": 0, "width": 8}}, "size must be positive"),
        ({"image": {"height": 8, "width": 8, "std": [1, 1]}}, "std need 3 values"),
        ({"image": {"height": 8, "width": 8, "crop": 1}}, "is damaged"),
        ({"max_question_tokens": None}, "is damaged"),
    ],
)
def test_unusable_values(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    preprocessor().save(tmp_path)
    damage(tmp_path, "preprocess.json", **changes)
    with pytest.raises(ModelError, match=message):
        Preprocessor.load(tmp_path)


def test_all_problems_of_a_transform_at_once() -> None:
    with pytest.raises(ModelError) as caught:
        ImageTransform(0, 8, resize="crop", interpolation="magic", std=(0, 1, 1))
    assert len(caught.value.problems) == 4


def test_torch_is_not_needed() -> None:
    program = (
        "import sys, vqa_cli.data.preprocessor, vqa_cli.data.tokenizer;"
        "heavy = {'torch', 'transformers', 'timm', 'pandas', 'pyarrow'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
