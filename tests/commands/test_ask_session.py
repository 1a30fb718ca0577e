from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import vqa_cli
from tests.tiny_runs import MAX_TOKENS, draw_photo
from vqa_cli.cli import app
from vqa_cli.inference.onnx_answerer import OnnxAnswerer


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VQA_MODEL", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def session(typed: str | bytes, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["ask", "-i", *map(str, arguments)], input=typed)


def test_questions_of_a_pipe_are_answered_about_one_image_that_is_encoded_once(
    export_folder: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, encoded = OnnxAnswerer.encode_images, []
    monkeypatch.setattr(
        OnnxAnswerer, "encode_images", lambda self, x: (encoded.append(len(x)), encode(self, x))[1]
    )
    result = session("where?\n\n  what color is it?\nwho?", photo, "-m", export_folder)
    assert (result.exit_code, result.stderr) == (0, "")
    assert encoded == [1]
    wanted = vqa_cli.load(export_folder).ask(photo, ["where?", "what color is it?", "who?"])
    assert result.stdout.splitlines() == [prediction.answer for prediction in wanted]


def test_commands_change_the_image_and_the_number_of_answers(
    export_folder: Path, photo: Path
) -> None:
    draw_photo(1).save("other one.png")
    typed = "where?\n:open other one.png\nwhere?\n:top 2\nwhere?\nwho?\n:help\n:quit\nunheard?\n"
    result = session(typed, photo, "-m", export_folder)
    assert result.exit_code == 0
    model = vqa_cli.load(export_folder)
    first, second = model.ask(photo, "where?"), model.ask("other one.png", "where?", top_k=2)
    third = model.ask("other one.png", "who?", top_k=2)
    blocks = [
        "".join(f"{answer.text}\t{answer.confidence:.2f}\n" for answer in prediction.answers)
        for prediction in (second, third)
    ]
    assert result.stdout == f"{first}\n{second}\n\n{blocks[0]}\n{blocks[1]}"
    assert "Ask about other one.png." in result.stderr
    assert ":open FILE   ask about another image" in result.stderr


def test_json_and_unsure_in_a_session(export_folder: Path, photo: Path) -> None:
    options = ("-m", export_folder, "--json", "--min-confidence", 1)
    result = session("where?\n", photo, *options)
    assert result.exit_code == 4
    record = json.loads(result.stdout)
    assert (record["image"], record["answer"]) == (str(photo), "unsure")


def test_what_is_wrong_is_told_and_the_session_goes_on(export_folder: Path, photo: Path) -> None:
    Path("text.png").write_text("no image")
    typed = "where?\n:open gone.png\n:open text.png\n:open\n:top none\n:dance\n\u200b\nwhere?\n"
    result = session(typed, photo, "-m", export_folder)
    assert result.exit_code == 1
    answers = result.stdout.splitlines()
    assert len(answers) == 2
    assert answers[0] == answers[1]  # about the image that it had
    for part in (
        "error: gone.png: no such image file",
        "error: text.png: is not an image",
        "error: :open: write :open FILE",
        "error: :top none: write :top N, N at least 1",
        "error: :dance: write :help for what there is",
        "error: 6 of 8 question(s) could not be asked\n",
    ):
        assert part in result.stderr


def test_without_an_image_one_has_to_be_opened(export_folder: Path, photo: Path) -> None:
    result = session(f"where?\n:open {photo}\nwhere?\n", "-m", export_folder)
    assert result.exit_code == 1
    assert "there is no image yet" in result.stderr.lower()
    assert len(result.stdout.splitlines()) == 1


def test_other_encodings_and_long_questions_end_nothing(export_folder: Path, photo: Path) -> None:
    typed = b"gr\xf6\xdfe?\n" + b"where? " * 1000 + b"\n" + "🐈?\n".encode()
    result = session(typed, photo, "-m", export_folder)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 3
    assert f"only the first {MAX_TOKENS} tokens of this question count" in result.stderr


def test_a_first_image_that_cannot_be_read_ends_it(export_folder: Path) -> None:
    result = session("where?\n", "gone.png", "-m", export_folder)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: gone.png: no such image file\n"


class Terminal:
    """A session in a pseudo-terminal, as a person has it."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str) -> str:
        """Read until `text` appears; returns what came since the last time."""
        start = len(self.seen)
        while text not in self.seen[start:]:
            assert select.select([self._master], [], [], 120)[0], self.seen
            try:
                piece = os.read(self._master, 4096)
            except OSError:  # the other end was closed
                piece = b""
            assert piece, f"ended before {text!r}: {self.seen}"
            self.seen += piece.decode()
        return self.seen[start:]


@contextmanager
def terminal(*arguments: object) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "vqa_cli", "ask", "-i", *map(str, arguments)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
        # What is started in the background of a script is deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_a_person_at_a_terminal(export_folder: Path, photo: Path, tmp_path: Path) -> None:
    answer = str(vqa_cli.load(export_folder).ask(photo, "where?"))
    with terminal(photo, "-m", export_folder) as person:
        begun = person.wait_for("\n? ")
        assert "Ask about" in begun
        assert ":quit ends" in begun
        person.type("where?\r")
        assert f"\r\n{answer}\r\n" in person.wait_for("\r\n? ")
        person.type(":open gone.png\r")
        assert "error: gone.png: no such image file" in person.wait_for("\r\n? ")
        person.type("\x1b[A\x1b[A\r")  # twice up in the history
        assert f"\r\n{answer}\r\n" in person.wait_for("\r\n? ")
        person.type("\x04")
        assert person.process.wait(60) == 0  # what went wrong was seen
    history = tmp_path / "state/vqa/ask_history"
    assert "where?" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_ctrl_c_at_the_prompt_ends_it_politely(export_folder: Path, photo: Path) -> None:
    with terminal(photo, "-m", export_folder) as person:
        person.wait_for("\n? ")
        assert interrupted(person.process) == 0
    assert "Traceback" not in person.seen


def interrupted(process: subprocess.Popen[bytes]) -> int:
    """Press Ctrl-C until the process ends, and return its exit code.

    Python's readline misses a signal that comes after the prompt is drawn and before it waits for
    keys; a person presses again.
    """
    for _ in range(12):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(5)
    raise AssertionError("Ctrl-C does not end it")
