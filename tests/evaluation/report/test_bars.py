from vqa_cli.evaluation.metrics import Share
from vqa_cli.evaluation.report.bars import SHOWN, Bar, bar_table, share_bars


def test_a_row_has_its_numbers_as_text_and_as_a_bar():
    table = bar_table("Accuracy", [Bar("ours", 71.25, 1234, interval=(70.0, 72.5))], mark=50.0)
    assert '<th scope="row" dir="auto">ours</th>' in table
    assert '<td class="number">71.25</td><td class="number">1,234</td>' in table
    assert 'class="fill" style="width:71.25%"' in table
    assert 'class="whisker" style="left:70.00%;width:2.50%"' in table
    assert "--mark:50.00%" in table


def test_without_numbers_of_questions_their_column_is_left_out():
    assert "questions" not in bar_table("Baselines", [Bar("majority", 10)])


def test_many_rows_are_folded_away_but_not_a_single_one():
    bars = [Bar(f"type {n}", n) for n in range(SHOWN + 2)]
    assert "<summary>2 more</summary>" in bar_table("Types", bars)
    assert "<details>" not in bar_table("Types", bars[:-1])


def test_no_rows_give_nothing():
    assert bar_table("Types", []) == ""


def test_a_type_leads_to_its_questions():
    (bar,) = share_bars({"what\n color & size": Share(4, 3.0)}, "question_type")
    assert bar.label == "what color & size"
    assert (bar.percent, bar.questions) == (75, 4)
    assert bar.link == "#question_type=what%0A+color+%26+size"
