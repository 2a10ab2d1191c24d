from mmpush_tui.findings import Confidence, Finding, Severity, evident, passed

HOSTILE = "a\x1b[2Jb \x9bc https://user:canary@host Bearer Canary123456"


def test_every_text_of_a_finding_is_safe_to_show() -> None:
    finding = Finding(
        severity=Severity.FAIL,
        code="x",
        message=HOSTILE,
        summary=HOSTILE,
        why=(HOSTILE, ""),
        fix=HOSTILE,
        evidence={"seen": HOSTILE, "empty": ""},
    )
    shown = (finding.message, finding.summary, *finding.why, finding.fix, finding.evidence["seen"])
    assert len(shown) == 5
    for text in (*shown, finding.line()):
        assert "\x1b" not in text
        assert "\x9b" not in text
        assert "anary" not in text
    assert "empty" not in finding.evidence


def odd(message: str, *why: str, fix: str = "") -> Finding:
    return Finding(severity=Severity.WARN, code="x", message=message, why=why, fix=fix)


def test_it_reads_as_one_line() -> None:
    assert odd("it is odd").line() == "it is odd."
    assert odd("It is odd.", fix="Mend it.").line() == "It is odd. Mend it."
    whole = odd("it is odd", "it is new", "it is old", fix="Mend it.")
    assert whole.sentence == "it is odd: it is new; it is old."
    assert whole.line() == "it is odd: it is new; it is old. Mend it."
    assert odd("the token abcdef..").line() == "the token abcdef..."


def test_what_passed_says_what_was_seen() -> None:
    finding = passed("TLSv1.3", days_left=30)
    assert (finding.severity, finding.code, finding.evidence) == ("pass", "ok", {"days_left": 30})
    assert finding.confidence is Confidence.CERTAIN


def test_evidence_is_bounded_in_every_direction() -> None:
    deep: object = "end"
    for _ in range(50):
        deep = {"in": deep}
    assert "end" not in str(evident(deep))
    assert len(evident(list(range(100)))) == 12
    assert len(evident("x" * 5000)) == 200
