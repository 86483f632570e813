"""Survival data as people have them: read where there is one sensible reading, told in a line, and refused where there are two.

Pitfalls guarded: 1,5 taken for 15 or for 1 and 5; 1.234 in a table of decimal commas; 1 and 2 taken for event and nothing; a coding that
changes with the rows chosen; dates that are fitted as months; rows counted from 0 or without the lines before the header; one arm fitted
with the other; other numbers from the same data in another spelling.
"""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemodel.analyses.fitting import run_fits
from hemodel.errors import InputError
from hemodel.evidence.survival_data import (
    Columns,
    IntervalData,
    SurvivalData,
    intervals_in,
    read_curve,
    read_people,
    read_risk_table,
    read_times,
    refuse_long_times,
    switching_in,
    times_in,
)
from hemodel.survival import reconstruct
from hemodel.survival.fitting import kaplan_meier

TIMES, EVENTS = [1.5, 2.25, 3.0, 4.75, 6.0], [1, 0, 1, 1, 0]
DIALECTS = {
    "plain": b"time,event\n1.5,1\n2.25,0\n3,1\n4.75,1\n6,0\n",
    "capitals": b"Time,Status\n1.5,1\n2.25,0\n3,1\n4.75,1\n6,0\n",
    "semicolons and decimal commas": b"time;event\n1,5;1\n2,25;0\n3;1\n4,75;1\n6;0\n",
    "semicolons and decimal points": b"time;event\n1.5;1\n2.25;0\n3;1\n4.75;1\n6;0\n",
    "tabs and decimal commas": b"time\tevent\n1,5\t1\n2,25\t0\n3\t1\n4,75\t1\n6\t0\n",
    "tabs in UTF-16": "time\tevent\r\n1.5\t1\r\n2.25\t0\r\n3\t1\r\n4.75\t1\r\n6\t0\r\n".encode("utf-16"),
    "Windows-1252": "time;event;ward\n1,5;1;Köln\n2,25;0;a\n3;1;b\n4,75;1;c\n6;0;é\n".encode("cp1252"),
    "empty columns at the end": b"time,event,,\n1.5,1,,\n2.25,0,,\n3,1,,\n4.75,1\n6,0,\n,,,\n",
    "more cells than names, all empty": b"time,event\n1.5,1,,\n2.25,0,\n3,1\n4.75,1,,,\n6,0\n",
    "TRUE and FALSE": b"time,event\n1.5,TRUE\n2.25,FALSE\n3,TRUE\n4.75,true\n6,False\n",
    "WAHR and FALSCH": b"time;event\n1,5;WAHR\n2,25;FALSCH\n3;WAHR\n4,75;WAHR\n6;FALSCH\n",
    "1 and 2 as R has them": b"time,status\n1.5,2\n2.25,1\n3,2\n4.75,2\n6,1\n",
    "names of rows, id and arm": b'"","id","time","arm","status"\n"1",7,1.5,"A",1\n'
    b'"2",8,2.25,"B",0\n"3",9,3,"A",1\n"4",10,4.75,"A",1\n"5",11,6,"B",0\n',
    "sep= of Excel": b"sep=;\ntime;event\n1,5;1\n2,25;0\n3;1\n4,75;1\n6;0\n",
    "comments": b"# of mine\ntime;event\n1,5;1\n2,25;0\n3;1\n4,75;1\n6;0\n",
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_people_in_any_dialect_give_the_same_times_and_events(dialect):
    found = times_in("mine.csv", DIALECTS[dialect])
    assert found.times.tolist() == TIMES
    assert found.values.tolist() == EVENTS
    assert kaplan_meier(*found).survival == pytest.approx([0.8, 0.8, 8 / 15, 4 / 15, 4 / 15])


def test_a_file_of_a_german_excel_has_the_likelihood_of_the_plain_one(tmp_path):
    """Three events in 17.5 months: rate 3 / 17.5, log-likelihood 3 ln(3 / 17.5) - 3."""
    path = tmp_path / "mine.csv"
    path.write_bytes(DIALECTS["semicolons and decimal commas"])
    best = run_fits(*read_times(path), ("exponential",)).best
    assert best.log_likelihood == pytest.approx(-8.290765, abs=1e-6)


@pytest.mark.parametrize(
    ("content", "how"),
    [
        (DIALECTS["plain"], "separator comma, columns time and event, 1 = event, 0 = censored"),
        (DIALECTS["1 and 2 as R has them"], "separator comma, columns time and status, 2 = event, 1 = censored"),
        (DIALECTS["tabs in UTF-16"], "UTF-16, separator tab, columns time and event, 1 = event, 0 = censored"),
        (
            DIALECTS["names of rows, id and arm"],
            "separator comma, columns time and status, 1 = event, 0 = censored, 3 of 5 columns left out: row names, id, arm",
        ),
        (
            DIALECTS["Windows-1252"],
            "Windows-1252, separator semicolon, decimal comma, columns time and event, 1 = event, 0 = censored, "
            "1 of 3 columns left out: ward",
        ),
    ],
)
def test_a_line_says_how_the_file_was_read(content, how):
    assert times_in("mine.csv", content).how == f"Read mine.csv: {how}."


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'time,event\n2,1\n"1,5",1\n', "mine.csv, row 3: time is '1,5', not a number: between commas"),
        (b"time,event\n1,5,1\n2,0,\n", "mine.csv, row 2: has 3 cells instead of 2"),
        (b"time;event\n12,5;1\n1.234;0\n", "mine.csv, row 3: '1.234' and '12,5' (row 2) cannot both be plain numbers"),
        (b"time;event\n1.234;1\n5;0\n", "mine.csv, row 2: '1.234' may be 1234 or 1.234"),
        (b"time,event\n1.000,1\n999,0\n", "mine.csv, row 2: '1.000' may be 1000 or 1.000"),
        (b"time,event,site\n12,1,a\n1.234,0,b\n", "mine.csv, row 3: '1.234' may be 1234 or 1.234"),
        (b"time\tevent\n1,234\t1\n5\t0\n", "mine.csv, row 2: '1,234' may be 1234 or 1.234"),
        (b"time;event\n1.234,5;1\n2;0\n", "mine.csv, row 2: '1.234,5' has marks of thousands and of decimals"),
        (b"time,event\n1,1\n2,2\n", "mine.csv, row 1: event is 1 and 2 and nothing else"),
        (b"time,status\n1,1\n2,1\n", "mine.csv, row 1: status is 1 and nothing else"),
        (b"time,status\n1,0\n2,1\n3,2\n", "mine.csv, row 4: status is 2, neither 0 nor 1"),
        (b"time,event\n1,yes\n", "mine.csv, row 2: event is 'yes', not a number"),
        (b"time,event\n1,\n", "mine.csv, row 2: event is empty"),
        (b"time,event\n,1\n", "mine.csv, row 2: time is empty, not a number"),
        (b"time,event\n1,1\n0,1\n", "mine.csv, row 3: time is 0, not above 0"),
        (b"time,event,status\n1,1,1\n", "mine.csv, row 1: event and status may both be the column event"),
        (b"time,Time,status\n1,1,1\n", "mine.csv, row 1: time and Time may both be the column time"),
        (b"months,dead\n1,1\n", "mine.csv, row 1: there is no column time among: months, dead. Call one column time, or name it with"),
        (b"time,event,,x\n1,1,9,9\n", "mine.csv, row 1: column 3 has no name"),
        (b"time,event,\n1,1,9\n", "mine.csv, row 2: has 3 cells instead of 2"),
        (b"time,event\n1,1\xe9\xc3\xa9\n", "mine.csv: this is not a text file in UTF-8, UTF-16 or Windows-1252 (line 2)"),
        ("time,event\n1,1\n".encode("utf-16-le"), "mine.csv: the file holds a NUL byte (line 1)"),
        (b"PK\x03\x04rest", "mine.csv: this is a workbook, not a text file. Save the sheet"),
    ],
)  # fmt: skip
def test_what_may_be_read_in_two_ways_is_refused_with_its_row(content, says):
    with pytest.raises(InputError) as caught:
        times_in("mine.csv", content)
    assert any(str(fault).startswith(says) for fault in caught.value.faults), str(caught.value)


MANY = b"id;months;dead;arm\n1;1,5;2;A\n2;2,5;1;A\n3;3;2;B\n4;4;1;B\n"


def test_three_decimals_between_commas_are_decimals_beside_a_number_that_has_no_thousands():
    assert times_in("mine.csv", b"time,event\n1.234,1\n0.512,0\n").times.tolist() == [1.234, 0.512]
    assert times_in("mine.csv", b"time,event\n1.234,1\n12.25,0\n").times.tolist() == [1.234, 12.25]


def test_columns_rows_and_the_value_of_an_event_are_chosen():
    found = times_in("mine.csv", MANY, Columns(time="months", event="dead", event_value="2", where="arm=B"))
    assert (found.times.tolist(), found.values.tolist()) == ([3, 4], [1, 0])
    assert found.rows == ("mine.csv, row 4", "mine.csv, row 5")
    assert found.how == (
        "Read mine.csv: separator semicolon, decimal comma, columns months and dead, 2 = event, 1 = censored, 2 of 4 rows, "
        "where arm=B, 2 of 4 columns left out: id, arm."
    )


def test_the_coding_is_that_of_the_whole_file_whichever_rows_are_chosen():
    content = b"time,status,arm\n1,1,A\n2,1,A\n3,2,B\n"
    assert times_in("mine.csv", content, Columns(where="arm=A")).values.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (Columns(time="month", event="dead"), "there is no column month among"),
        (Columns(time="months", event="months"), "months cannot be both columns"),
        (Columns(time="months", event="dead", event_value="3"), "dead is never '3'"),
        (Columns(time="months", event="dead", event_value="2", where="arm"), "is not COLUMN=VALUE"),
        (Columns(time="months", event="dead", event_value="2", where="arms=A"), "Did you mean arm?"),
        (Columns(time="months", event="dead", event_value="2", where="arm=C"), "no row has it"),
    ],
)
def test_a_choice_that_the_file_does_not_have_is_refused(columns, says):
    with pytest.raises(InputError) as caught:
        times_in("mine.csv", MANY, columns)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("content", "unit", "says"),
    [
        (b"time,event\n12,1\n43835,1\n", "months", "mine.csv, row 3: 43,835 months are 3,653 years; as a date of Excel it is 2020-01-05"),
        (b"time,event\n40000,1\n41000,1\n", "days", "mine.csv, row 2: 40,000 days are 110 years; as a date of Excel it is 2009-07-06"),
        (b"time,event\n1,1\n1825,1\n", "months", "mine.csv, row 3: 1,825 months are 152 years. Name the unit"),
    ],
)  # fmt: skip
def test_dates_of_excel_and_times_longer_than_a_life_are_refused(content, unit, says):
    with pytest.raises(InputError) as caught:
        refuse_long_times(times_in("mine.csv", content), unit)
    assert str(caught.value).startswith(says)


def test_five_years_in_days_are_no_dates():
    refuse_long_times(times_in("mine.csv", b"time,event\n1,1\n1825,1\n"), "days")


def test_a_curve_and_its_table_are_read_in_the_same_dialects(tmp_path):
    curve, risk = tmp_path / "curve.csv", tmp_path / "risk.csv"
    curve.write_bytes(b"Time;Survival;\n0;1;\n1;0,5;\n2;0,25;\n")
    risk.write_bytes("time\tAt risk\r\n0\t4\r\n2\t2\r\n".encode("utf-16"))
    found = reconstruct(*read_curve(curve), *read_risk_table(risk))
    assert found.times.tolist() == [1, 1, 2, 2]
    assert found.events.tolist() == [1, 1, 1, 0]


def test_a_fault_of_a_curve_or_its_table_has_the_row_of_the_file_and_the_time(tmp_path):
    curve, risk = tmp_path / "curve.csv", tmp_path / "risk.csv"
    curve.write_bytes(b"# digitised\ntime,survival\n0,1\n9,0.5\n18,0.6\n30,0.2\n")
    risk.write_bytes(b"time,at_risk\n0,40\n18,20\n27,25\n")
    points, table = read_curve(curve), read_risk_table(risk)
    with pytest.raises(InputError) as caught:
        reconstruct(*points, *table, places=(points.rows, table.rows))
    assert [str(fault).split(". ")[0] for fault in caught.value.faults] == [
        "curve.csv, row 5 (time 18): survival rises there",
        "risk.csv, row 4 (time 27): it rises",
    ]


TRIAL = {
    "plain": b"time,event,arm,time_on_treatment\n5.5,1,1,5.5\n4,0,0,1.25\n3,1,0,0\n",
    "semicolons and decimal commas": b"Arm;Status;Time;Time on treatment\n1;1;5,5;5,5\n0;0;4;1,25\n0;1;3;0\n",
    "arms in words, columns of other names": b"id,group,months,dead,exposure\n1,new,5.5,yes,5.5\n2,old,4,no,1.25\n3,old,3,yes,0\n",
    "tabs in UTF-16": "time\tevent\tarm\ttime_on_treatment\r\n5.5\tTRUE\tTRUE\t5.5\r\n4\tFALSE\tFALSE\t1.25\r\n"
    "3\tTRUE\tFALSE\t0\r\n".encode("utf-16"),
}
NAMED = Columns(time="months", event="dead", event_value="yes", arm="group", treated="new", on_treatment="exposure")


@pytest.mark.parametrize("dialect", TRIAL)
def test_people_who_switched_are_the_same_in_any_dialect(dialect):
    found = switching_in("trial.csv", TRIAL[dialect], NAMED if "words" in dialect else Columns())
    assert found.people.times.tolist() == [5.5, 4, 3]
    assert found.people.values.tolist() == [1, 0, 1]
    assert found.treated.tolist() == [1, 0, 0]
    assert found.on_treatment.tolist() == [5.5, 1.25, 0]
    assert found.censoring_times is None


def test_a_line_says_which_arm_is_the_treated_one():
    found = switching_in("trial.csv", TRIAL["arms in words, columns of other names"], NAMED)
    assert found.people.how == (
        "Read trial.csv: separator comma, columns months, dead, group and exposure, yes = event, no = censored, arm new = treated, "
        "old = not, 1 of 5 columns left out: id."
    )


def test_censoring_times_are_read_where_they_are_and_needed_where_they_are_named():
    content = b"time,event,arm,time_on_treatment,censoring_time,end\n5,1,1,5,9,8\n4,1,0,0,7,6\n"
    assert switching_in("trial.csv", content).censoring_times.tolist() == [9, 7]
    assert switching_in("trial.csv", content, Columns(censoring="end")).censoring_times.tolist() == [8, 6]
    with pytest.raises(InputError, match="there is no column last among"):
        switching_in("trial.csv", content, Columns(censoring="last"))


@pytest.mark.parametrize(
    ("content", "columns", "says"),
    [
        (b"time,event,arm\n5,1,1\n", Columns(), "row 1: there is no column time_on_treatment among: time, event, arm. Call one column "
         "time_on_treatment, or name it with --on-treatment-column"),
        (b"time,event,arm,time_on_treatment\n5,1,A,5\n4,1,B,0\n", Columns(), "row 1: arm is 'A and B': which is the treated arm is not"),
        (b"time,event,arm,time_on_treatment\n5,1,1,5\n4,1,2,0\n", Columns(), "row 1: arm is '1 and 2': which is the treated arm is not"),
        (b"time,event,arm,time_on_treatment\n5,1,A,5\n4,1,B,0\n3,1,C,0\n", Columns(treated="A"), "row 1: arm has 3 values: 'A and"),
        (b"time,event,arm,time_on_treatment\n5,1,A,5\n4,1,B,0\n", Columns(treated="C"), "row 1: arm is never 'C'"),
        (b"time,event,arm,time_on_treatment\n5,1,1,5\n4,1,,0\n", Columns(), "row 3: arm is empty"),
        (b"time,event,arm,time_on_treatment\n5,1,1,5\n4,1,0,\n", Columns(), "row 3: time_on_treatment is empty, not a number"),
        (b"time,event,arm,time_on_treatment\n5,1,1,5\n0,1,0,0\n", Columns(), "row 3: time is 0, not above 0"),
        (b"time,event,arm,time_on_treatment\n5,1,1,5\n", Columns(arm="event"), "row 1: event cannot be two of the columns"),
        (b"time;event;arm;time_on_treatment\n5;1;1;1.234\n4;1;0;0\n", Columns(), "row 2: '1.234' may be 1234 or 1.234"),
    ],
)  # fmt: skip
def test_a_trial_that_may_be_read_in_two_ways_is_refused_with_its_row(content, columns, says):
    with pytest.raises(InputError) as caught:
        switching_in("trial.csv", content, columns)
    assert any(str(fault).startswith(f"trial.csv, {says}") for fault in caught.value.faults), str(caught.value)


PEOPLE = st.lists(
    st.tuples(
        st.one_of(
            st.integers(1, 2_000).map(float),
            st.integers(1, 9_999).map(lambda n: n / 10),
            st.integers(1, 9_999_999).map(lambda n: n / 1000),
        ),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(
    people=PEOPLE,
    separator=st.sampled_from(",;\t"),
    comma=st.booleans(),
    grouped=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    coding=st.sampled_from(
        [("event", "0", "1"), ("Event", "FALSE", "TRUE"), ("status", "1", "2"), ("Status", "0", "1"), ("event", "1", "2")]
    ),
    empty=st.integers(0, 3),
    digits=st.sampled_from([None, 1, 3, 4]),
    extra=st.booleans(),
    quoted=st.booleans(),
)  # fmt: skip
def test_in_any_dialect_the_same_people_are_read_or_the_file_is_refused(
    people, separator, comma, grouped, encoding, coding, empty, digits, extra, quoted
):
    """Decimals and thousands marked either way, quoted or bare, three digits or more after the mark: never another number."""
    name, censored, event = coding
    if name == "event" and event == "2" and not any(died for _, died in people):
        return  # an event column of ones alone says that all had the event
    rows = [["site", "time", name] if extra else ["time", name]]
    expected = []
    for time, died in people:
        spelt = f"{time:{',' if grouped else ''}}" if digits is None else f"{time:{',' if grouped else ''}.{digits}f}"
        expected.append(float(spelt.replace(",", "")))
        if comma:
            spelt = spelt.translate(str.maketrans(",.", ".,"))
        if spelt.endswith((".0", ",0")) and digits is None:
            spelt = spelt[:-2]
        rows.append([*(["Köln"] if extra else []), spelt, event if died else censored])
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerows([*row, *[""] * empty] for row in rows)
    try:
        found = times_in("mine.csv", text.getvalue().encode(encoding))
    except InputError as error:
        assert error.faults
    else:
        np.testing.assert_array_equal(found.times, expected)
        assert found.values.tolist() == [died for _, died in people]


# --- late entries, weights and intervals ------------------------------------------------------------------------------------------


def test_entry_and_weight_are_read_where_they_are_named_and_only_then():
    content = b"time;event;start;w\n1,5;1;0,5;2\n2;0;0;1,25\n"
    found = times_in("mine.csv", content, Columns(entry="start", weight="w"))
    assert found.entry.tolist() == [0.5, 0.0] and found.weights.tolist() == [2.0, 1.25]
    assert found.how.endswith("columns time, event, start and w, 1 = event, 0 = censored.")
    plain = times_in("mine.csv", content)
    assert plain.entry is None and plain.weights is None
    assert "2 of 4 columns left out: start, w" in plain.how


def test_zeros_are_read_where_their_remedy_was_named():
    with pytest.raises(InputError, match=r"row 2: time is 0, not above 0\. .*--at-zero half_a_day or --at-zero leave_out"):
        times_in("mine.csv", b"time,event\n0,1\n2,0\n")
    assert times_in("mine.csv", b"time,event\n0,1\n2,0\n", Columns(zeros=True)).times.tolist() == [0, 2]
    with pytest.raises(InputError, match=r"row 2: time is -1, not above 0\. Give the time since entry"):
        times_in("mine.csv", b"time,event\n-1,1\n2,0\n", Columns(zeros=True))


INTERVALS = {
    "plain": b"lower,upper\n0,6\n6,12\n12,\n4.5,4.5\n",
    "decimal commas": b"Lower;Upper\n0;6\n6;12\n12;\n4,5;4,5\n",
    "NA and Inf of R": b"lower,upper\nNA,6\n6,12\n12,Inf\n4.5,4.5\n",
    "points of SAS": b"lower,upper\n.,6\n6,12\n12,.\n4.5,4.5\n",
    "with other columns": b"id,lower,upper,arm\n1,0,6,A\n2,6,12,A\n3,12,,A\n4,4.5,4.5,A\n",
}


@pytest.mark.parametrize("dialect", INTERVALS)
def test_the_same_intervals_in_any_dialect(dialect, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(INTERVALS[dialect])
    found = read_people(path)
    assert isinstance(found, IntervalData)
    assert found.lower.tolist() == [0, 6, 12, 4.5] and found.upper.tolist() == [6, 12, np.inf, 4.5]
    assert "1 of 4 without an upper end (not seen)" in found.how
    assert found.times.tolist() == [6, 12, 12, 4.5]


def test_a_file_with_times_is_one_of_times_unless_the_ends_are_named(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("time,event,lower,upper\n5,1,4,6\n7,0,7,\n")
    assert isinstance(read_people(path), SurvivalData)
    found = read_people(path, Columns(lower="lower", upper="upper"))
    assert isinstance(found, IntervalData) and found.lower.tolist() == [4, 7]
    path.write_text("left,right\n4,6\n7,\n")
    assert read_people(path, Columns(lower="left", upper="right")).upper.tolist() == [6, np.inf]


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (b"lower,upper\n3,2\n-1,4\nx,5\n0,0\n", ["row 2: upper is 2, before lower, 3", "row 3: lower is -1, below 0", "row 4: lower is 'x'",
                                                 "row 5: lower and upper are 0"]),
        (b"lower,upper\n", ["the file has no rows"]),
        (b"lower,upper\n4,yes\n", ["row 2: upper is 'yes', not a number"]),
    ],
)  # fmt: skip
def test_all_faults_of_intervals_are_told_with_their_rows(content, problems):
    with pytest.raises(InputError) as caught:
        intervals_in("mine.csv", content)
    told = str(caught.value)
    assert [problem for problem in problems if problem not in told] == []
    assert len(caught.value.faults) == len(problems)


def test_columns_that_do_not_go_with_intervals_are_refused():
    with pytest.raises(InputError, match="late entries are not taken beside intervals"):
        intervals_in("mine.csv", b"lower,upper,start\n1,2,0\n", Columns(entry="start"))
    with pytest.raises(InputError, match="intervals have no column of times or events"):
        intervals_in("mine.csv", b"lower,upper,event\n1,2,0\n", Columns(event="event"))
    with pytest.raises(InputError, match="there is no column upper"):
        intervals_in("mine.csv", b"lower,uper\n1,2\n")


def test_long_intervals_are_refused_like_long_times():
    with pytest.raises(InputError, match=r"row 3: 20,000 months are"):
        refuse_long_times(intervals_in("mine.csv", b"lower,upper\n1,2\n3,20000\n5,\n"), "months")
