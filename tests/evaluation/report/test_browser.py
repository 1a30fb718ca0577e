"""The page in a real browser: a Chromium from the path, or from $CHROMIUM."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace

import pytest

from tests.evaluation.report.conftest import COUNT, HOSTILE
from vqa_cli.evaluation.evaluate import summarize
from vqa_cli.evaluation.predictions import Predicted
from vqa_cli.evaluation.report import gallery
from vqa_cli.evaluation.report.writing import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium (or $CHROMIUM)")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(result, dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    run = folder / "a-run"
    run.mkdir()
    history = "epoch,loss,val_loss,val_accuracy,seconds\n1,2,2,0.25,1\n2,1,1.5,0.5,2\n"
    (run / "history.csv").write_text(history)
    return write_report(folder / "report", result, dataset, run=run).as_uri()


@pytest.fixture
def opened(browser):
    """Opens pages, and fails the test where one complains or asks for anything."""
    complaints, requests = [], []
    context = browser.new_context()

    def open_page(address):
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        return page

    yield open_page
    context.close()
    assert complaints == []
    asked = [url for url in requests if not url.startswith("data:")]
    assert all(url.startswith("file:") and "index.html" in url for url in asked)


@pytest.fixture
def page(opened, address):
    return opened(address)


def count(page):
    return page.locator("#count").inner_text()


def cards(page):
    return page.locator(".card").count()


def shown(page):
    return page.locator(".card .open").all_inner_texts()


def verdict(page, name):
    page.locator("fieldset label", has_text=name).click()


def detail(page):
    return page.locator("#detail-question").inner_text()


def test_the_page_opens_with_its_pictures_and_charts(page):
    assert page.title() == "shapes: test"
    assert count(page) == f"{COUNT} questions"
    assert cards(page) == 24
    assert page.locator("svg").count() == 4
    natural = "images => images.map(image => image.decode().then(() => image.naturalWidth))"
    widths = page.eval_on_selector_all("img", f"images => Promise.all(({natural})(images))")
    assert widths == [16] * 23
    assert page.locator(".missing").inner_text() == "image missing"


def test_hostile_texts_are_shown_as_they_are(page):
    text = shown(page)[20]
    assert " ".join(text.split()) == " ".join(HOSTILE.split())
    page.locator(".open").nth(20).click()
    assert "<script>alert('x')</script>" in page.locator("#detail").inner_text()


def test_verdicts_can_be_chosen(page, result):
    scores = [record.score for record in result.records]
    wanted = {
        "Right": sum(s == 1 for s in scores if s is not None),
        "Wrong": scores.count(0),
        "Partly": sum(0 < s < 1 for s in scores if s is not None),
        "Not scored": scores.count(None),
    }
    assert sum(wanted.values()) == COUNT
    assert wanted["Partly"] == wanted["Not scored"] == 1
    for name, number in wanted.items():
        verdict(page, name)
        assert count(page) == f"{number} of {COUNT} questions"
        assert page.locator(".badge", has_text=name).count() == cards(page) == min(24, number)
    verdict(page, "All")
    assert count(page) == f"{COUNT} questions"


def test_searches_look_at_questions_and_answers_whatever_their_case(page):
    page.fill("[name=q]", "NUMBER 3")
    assert shown(page) == [f"what color is number {n}?" for n in (3, *range(31, 41, 2))]
    page.fill("[name=q]", "blue")
    assert cards(page) > 0
    assert all("blue" in text for text in page.locator(".card").all_inner_texts())
    page.fill("[name=q]", "no such words")
    assert count(page) == f"0 of {COUNT} questions"
    assert cards(page) == 0


def test_filters_work_together_and_survive_a_reload(page):
    page.select_option("[name=question_type]", "how many")
    verdict(page, "Wrong")
    page.fill("[name=q]", "in 1")
    page.select_option("[name=order]", "sure")
    before = shown(page)
    assert before == ["how many in 18?", "how many in 12?"]
    page.wait_for_url(re.compile("verdict=wrong"))
    page.reload()
    assert shown(page) == before
    assert page.input_value("[name=q]") == "in 1"


def test_the_order_follows_confidence(page):
    page.select_option("[name=order]", "unsure")
    assert shown(page)[:2] == ["how many in 0?", "what color is number 1?"]
    page.select_option("[name=order]", "sure")
    assert shown(page)[0] == "what color is number 21?"


def test_pages_are_turned_by_buttons_and_keys(page):
    first = shown(page)
    assert page.locator("#page").inner_text() == "Page 1 of 3"
    assert page.is_disabled("#pages [name=previous]")
    page.click("#pages [name=next]")
    assert page.locator("#page").inner_text() == "Page 2 of 3"
    assert not set(first) & set(shown(page))
    page.click("#pages [name=last]")
    assert cards(page) == COUNT - 48
    assert page.is_disabled("#pages [name=next]")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # there is none before the first
    assert shown(page) == first


def test_the_keyboard_reaches_search_and_details(page):
    page.keyboard.press("/")
    page.keyboard.type("number 2")
    assert page.input_value("[name=q]") == "number 2"
    page.keyboard.press("ArrowRight")  # moves in the text, not to another page
    page.locator(".open").first.focus()
    page.keyboard.press("Enter")
    assert detail(page) == "what color is number 21?"
    page.keyboard.press("ArrowRight")
    assert detail(page) == "what color is number 23?"
    page.keyboard.press("Escape")
    focused = page.evaluate("document.activeElement.textContent")
    assert focused == "what color is number 23?"


def test_the_details_have_the_best_answers_and_all_right_ones(page):
    page.locator(".open").nth(4).click()
    rows = page.locator("#detail tbody tr").all_inner_texts()
    assert [re.split(r"\s*\t\s*", row) for row in rows] == [
        ["two", "50.0\u00a0%"],
        ["2", "20.0\u00a0%"],
    ]
    text = page.locator("#detail").inner_text()
    assert "many ×8, two ×2" in text
    assert "◐ Partly" in text
    assert "4.png" in text
    page.click("#detail [name=close]")
    assert not page.locator("#detail").is_visible()


def test_the_details_go_on_across_pages(page):
    page.locator(".open").nth(23).click()
    page.click("#detail [name=next]")
    assert detail(page) == "how many in 24?"
    assert page.locator("#page").inner_text() == "Page 2 of 3"
    page.click("#detail [name=previous]")
    assert detail(page) == "what color is number 23?"
    assert page.locator("#page").inner_text() == "Page 1 of 3"


def test_types_and_confusions_lead_to_their_questions(page):
    page.locator("#types a", has_text="what color").click()
    assert count(page) == f"30 of {COUNT} questions"
    assert page.input_value("[name=question_type]") == "what color"
    cell = page.locator("#confusion tr", has=page.locator("th", has_text="red")).locator("a")
    number = int(cell.first.inner_text())
    cell.first.click()
    page.wait_for_selector("#pairs button")
    assert count(page) == f"{number} of {COUNT} questions"
    page.locator("#pairs button", has_text="right answer: red").click()
    page.locator("#pairs button").click()
    assert count(page) == f"{COUNT} questions"


def test_a_hostile_type_can_be_filtered_by(page):
    page.locator("#types a", has_text="alert").first.click()
    page.wait_for_function("document.querySelector('#count').textContent.startsWith('1 of')")
    assert cards(page) == 1


def test_predictions_without_confidences_or_images_need_no_room_for_them(
    opened, result, dataset, tmp_path
):
    bare = [replace(r, predicted=Predicted(r.predicted.answer)) for r in result.records]
    missing = type(dataset)(**vars(dataset) | {"has_images": False})
    page = opened(write_report(tmp_path, summarize("test", bare), missing, run=None).as_uri())
    assert cards(page) == 24
    assert page.locator(".picture").count() == 0
    assert not page.locator("[name=order]").is_visible()
    assert "%" not in "".join(page.locator(".card dd").all_inner_texts())
    page.locator(".open").first.click()
    assert "Answered\n" in page.locator("#detail").inner_text()


def test_of_too_many_questions_the_page_says_that_it_shows_a_sample(
    opened, result, dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(gallery, "LIMIT", 30)
    page = opened(write_report(tmp_path, result, dataset, run=None).as_uri())
    assert count(page) == "30 questions (a sample of all 60)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling_and_text_has_contrast(browser, address, scheme):
    view = {"width": 360, "height": 740}
    context = browser.new_context(viewport=view, color_scheme=scheme, is_mobile=True)
    page = context.new_page()
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for selector in ("h1", "figcaption", ".badge.right", ".badge.wrong", ".badge.partly", "dt"):
        assert page.evaluate(CONTRAST, selector) >= 4.5, selector
    context.close()


# WCAG 2.2's contrast ratio of the first element's text to what lies behind it.
CONTRAST = """(selector) => {
  const channels = (color) => color.match(/[0-9.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const element = document.querySelector(selector);
  let behind = element;
  while (channels(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const two = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor]
    .map((color) => luminance(channels(color)) + 0.05).sort();
  return two[1] / two[0];
}"""
