from vqa_cli.data.findings import Findings


def test_problems_are_counted_with_three_examples_each() -> None:
    findings = Findings()
    for number in range(1200):
        findings.unusable("row that is bad", f"row {number}")
    findings.told("row that is odd", "row 1", "row 2", count=2)
    findings.note("something is odd")
    assert [str(finding) for finding in findings] == [
        "row that is bad: 1,200 rows, e.g. row 0, row 1, row 2, ...",
        "row that is odd: 2 rows, e.g. row 1, row 2",
        "something is odd",
    ]
    assert findings.unusable_rows == 1200


def test_the_same_example_is_given_once() -> None:
    findings = Findings()
    for _ in range(2):
        findings.unusable("row that is bad", "a.png")
    assert [str(finding) for finding in findings] == ["row that is bad: 2 rows, e.g. a.png, ..."]


def test_examples_are_one_short_line_that_can_be_printed_anywhere() -> None:
    findings = Findings()
    findings.unusable("row that is bad", f"half \ud800\nof it {'x' * 10_000}")
    (finding,) = findings
    example = finding.to_json()["examples"][0]
    assert example.startswith("half \\ud800 of it xxx")
    assert len(example) < 250
    example.encode()
