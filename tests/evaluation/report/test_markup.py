import json
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from vqa_cli.evaluation.report.markup import Html, embedded_json, joined, tag


def test_text_and_attributes_are_escaped_and_html_is_not():
    made = tag("a", "<b>&", Html("<i>x</i>"), None, href="#\"'<", class_="wide", aria_label=None)
    assert made == ('<a href="#&quot;&#x27;&lt;" class="wide">&lt;b&gt;&amp;<i>x</i></a>')


def test_what_is_built_of_elements_is_html_again():
    assert tag("p", joined(tag("b", "<"), "<")) == "<p><b>&lt;</b>&lt;</p>"


def test_an_element_without_content_has_no_end():
    assert tag("meta", name="generator", content="vqa") == '<meta name="generator" content="vqa">'


class ScriptReader(HTMLParser):
    """What a browser takes for the content of the first script element."""

    def __init__(self):
        super().__init__()
        self.inside = None
        self.content = ""
        self.elements = []

    def handle_starttag(self, name, attributes):
        self.elements.append(name)
        self.inside = name

    def handle_endtag(self, name):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "script":
            self.content += data


@given(st.text() | st.sampled_from(["</script>", "<!--<script>", "</SCRIPT ", "]]>", "\u2028"]))
def test_embedded_json_cannot_leave_its_element(text):
    reader = ScriptReader()
    reader.feed(tag("script", embedded_json({"text": text}), type="application/json"))
    reader.close()
    assert reader.elements == ["script"]
    assert json.loads(reader.content) == {"text": text}
