from export.serving import status
from g2npan_tf.scoring import rows


def test_every_code_has_a_line_of_its_own():
    codes = [
        value
        for name, value in vars(status).items()
        if name.isupper()
        and isinstance(value, int)
        and not name.startswith(("MAX", "MIN"))
    ]
    assert sorted(codes) == list(range(9))
    lines = {status.message(code) for code in codes}
    assert len(lines) == 9
    assert all("\n" not in line for line in lines)


def test_zero_is_what_rows_call_ok():
    assert status.message(status.OK) == rows.OK


def test_a_code_of_a_later_server_is_named():
    assert status.message(99) == "status 99 of the server"
