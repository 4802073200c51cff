"""The rules, without a database."""

import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.vocabulary import ProcessStatus as P
from config.vocabulary import Role
from config.vocabulary import SignerStatus as S
from config.vocabulary import StepStatus as T
from signing import flow


def signer(role: Role = Role.SIGNER, status: S = S.WAITING_FOR_PROCESS) -> flow.SignerState:
    return flow.SignerState(uuid.uuid4(), role, status)


def draft(*steps: list[Role], continue_on_decline: bool = False) -> flow.ProcessState:
    made = tuple(flow.StepState(uuid.uuid4(), tuple(signer(role) for role in roles)) for roles in steps)
    return flow.ProcessState(P.PENDING, made, continue_on_decline)


def statuses(process: flow.ProcessState) -> list[tuple[str, list[str]]]:
    return [(step.status.value, [s.status.value for s in step.signers]) for step in process.steps]


def events(transitions: list[flow.Transition]) -> list[str]:
    return [transition.event for transition in transitions if transition.event is not None]


def act(process: flow.ProcessState, place: int, status: S) -> flow.ProcessState:
    return flow.after_act(process, process.signers[place].id, status)


def test_the_first_step_starts_and_the_second_waits() -> None:
    started = flow.after_start(draft([Role.SIGNER, Role.VIEWER], [Role.SIGNER]))

    assert started.status == P.STARTED
    assert statuses(started) == [
        ("STARTED", ["STARTED", "STARTED"]),
        ("WAITING_FOR_PREVIOUS", ["WAITING_FOR_PROCESS"]),
    ]


def test_the_last_signature_of_a_step_opens_the_next() -> None:
    process = act(flow.after_start(draft([Role.SIGNER, Role.APPROVER], [Role.INITIATOR])), 0, S.SIGNED)
    assert process.steps[0].status == T.STARTED

    process = act(process, 1, S.APPROVED)

    assert statuses(process) == [("COMPLETED", ["SIGNED", "APPROVED"]), ("STARTED", ["STARTED"])]
    assert act(process, 2, S.SIGNED).status == P.COMPLETED


def test_steps_without_acting_signers_complete_immediately() -> None:
    process = flow.after_start(draft([Role.VIEWER], [Role.ADMINISTRATOR], [Role.SIGNER], [Role.VIEWER]))
    assert [step.status for step in process.steps] == [T.COMPLETED, T.COMPLETED, T.STARTED, T.WAITING_FOR_PREVIOUS]

    process = act(process, 2, S.SIGNED)

    assert process.status == P.COMPLETED
    assert process.signers[3].status == S.STARTED


def test_a_decline_ends_the_process_for_every_other_signer() -> None:
    process = act(flow.after_start(draft([Role.SIGNER, Role.SIGNER], [Role.SIGNER])), 0, S.DECLINED)

    assert process.status == P.DECLINED
    assert statuses(process) == [("CANCELED", ["DECLINED", "CANCELED"]), ("CANCELED", ["CANCELED"])]


def test_with_continue_on_decline_the_next_step_starts() -> None:
    process = flow.after_start(draft([Role.SIGNER], [Role.SIGNER], continue_on_decline=True))

    process = act(process, 0, S.DECLINED)

    assert process.status == P.STARTED
    assert statuses(process) == [("COMPLETED", ["DECLINED"]), ("STARTED", ["STARTED"])]
    assert flow.totals([(s.role, s.status) for s in act(process, 1, S.SIGNED).signers]) == (2, 1)


def test_a_cancellation_keeps_completed_steps_and_acts() -> None:
    process = act(flow.after_start(draft([Role.SIGNER], [Role.SIGNER])), 0, S.SIGNED)

    assert statuses(flow.after_cancel(process)) == [("COMPLETED", ["SIGNED"]), ("CANCELED", ["CANCELED"])]


def test_a_viewer_may_view_after_completion_but_not_after_a_cancellation() -> None:
    process = flow.after_start(draft([Role.VIEWER, Role.SIGNER]))
    assert act(act(process, 1, S.SIGNED), 0, S.VIEWED).signers[0].status == S.VIEWED

    with pytest.raises(flow.ImpossibleTransition, match="CANCELED"):
        act(flow.after_cancel(process), 0, S.VIEWED)


def test_a_process_of_viewers_cannot_start() -> None:
    with pytest.raises(flow.NoActingSigner):
        flow.after_start(draft([Role.VIEWER], [Role.ADMINISTRATOR]))


@pytest.mark.parametrize("status", [P.COMPLETED, P.CANCELED, P.DECLINED, P.STARTED])
def test_only_a_draft_starts(status: P) -> None:
    with pytest.raises(flow.ImpossibleTransition, match=status.value):
        flow.after_start(replace(draft([Role.SIGNER]), status=status))


@pytest.mark.parametrize("status", [P.COMPLETED, P.CANCELED, P.DECLINED])
def test_a_finished_process_cannot_be_canceled(status: P) -> None:
    with pytest.raises(flow.ImpossibleTransition, match=status.value):
        flow.after_cancel(replace(draft([Role.SIGNER]), status=status))


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.SIGNER, S.APPROVED),
        (Role.SIGNER, S.VIEWED),
        (Role.APPROVER, S.SIGNED),
        (Role.INITIATOR, S.APPROVED),
        (Role.VIEWER, S.SIGNED),
        (Role.VIEWER, S.DECLINED),
        (Role.ADMINISTRATOR, S.VIEWED),
        (Role.SIGNER, S.CANCELED),
        (Role.SIGNER, S.STARTED),
    ],
)
def test_each_role_has_its_own_acts(role: Role, status: S) -> None:
    process = flow.after_start(draft([role, Role.SIGNER]))
    with pytest.raises(flow.ImpossibleTransition, match=role.value):
        act(process, 0, status)


def test_a_signer_acts_once_and_only_in_turn() -> None:
    process = flow.after_start(draft([Role.SIGNER], [Role.SIGNER]))
    with pytest.raises(flow.ImpossibleTransition, match="WAITING_FOR_PROCESS"):
        act(process, 1, S.SIGNED)
    with pytest.raises(flow.ImpossibleTransition, match="is SIGNED"):
        act(act(process, 0, S.SIGNED), 0, S.DECLINED)


def test_a_waiting_step_before_the_running_one_is_out_of_order() -> None:
    process = flow.after_start(draft([Role.SIGNER], [Role.SIGNER]))
    with pytest.raises(flow.OutOfOrder):
        flow.advance(replace(process, steps=process.steps[::-1]))


def test_transitions_list_acts_before_signers_whose_turn_it_is_and_the_end_last() -> None:
    started = flow.after_start(draft([Role.SIGNER], [Role.APPROVER, Role.VIEWER]))

    signed = act(started, 0, S.SIGNED)
    completed = act(signed, 1, S.APPROVED)

    assert events(flow.transitions(started, signed)) == ["SIGNER_SIGNED", "TASK_STARTED", "TASK_STARTED"]
    assert events(flow.transitions(signed, completed)) == ["APPROVER_APPROVED", "PROCESS_COMPLETED"]


def test_the_start_comes_before_the_signers_whose_turn_it_is() -> None:
    before = draft([Role.SIGNER], [Role.SIGNER])
    assert events(flow.transitions(before, flow.after_start(before))) == ["PROCESS_STARTED", "TASK_STARTED"]


def test_a_decline_has_no_event_but_the_signers_act() -> None:
    started = flow.after_start(draft([Role.SIGNER, Role.SIGNER], [Role.SIGNER]))

    transitions = flow.transitions(started, act(started, 0, S.DECLINED))

    assert events(transitions) == ["SIGNER_DECLINED"]
    assert [t.after for t in transitions] == ["CANCELED", "CANCELED", "DECLINED", "CANCELED", "CANCELED", "DECLINED"]


def test_equal_snapshots_have_no_transitions() -> None:
    process = flow.after_start(draft([Role.SIGNER]))
    assert flow.transitions(process, process) == []


def test_a_transition_names_its_row_and_both_statuses() -> None:
    process = flow.after_start(draft([Role.SIGNER]))
    steps, signers, ended = flow.transitions(process, act(process, 0, S.SIGNED))
    assert (steps.step, steps.before, steps.after) == (replace(steps.step, status=T.COMPLETED), T.STARTED, T.COMPLETED)
    assert signers.signer is not None
    assert (signers.signer.id, signers.before, signers.after) == (process.signers[0].id, S.STARTED, S.SIGNED)
    assert (ended.step, ended.signer, ended.before, ended.after) == (None, None, P.STARTED, P.COMPLETED)


@pytest.mark.parametrize("role", [role for role in Role if role in flow.ACTING])
def test_every_acting_role_can_decline_and_one_other_act_completes_the_step(role: Role) -> None:
    process = flow.after_start(draft([role]))
    others = flow.acts_of(role) - {S.DECLINED}
    assert len(others) == 1
    assert act(process, 0, *others).status == P.COMPLETED
    assert act(process, 0, S.DECLINED).status == P.DECLINED


@pytest.mark.parametrize(
    ("role", "status", "process_status", "allowed"),
    [
        (Role.SIGNER, S.STARTED, P.STARTED, ["DECLINED", "SIGNED"]),
        (Role.APPROVER, S.STARTED, P.STARTED, ["APPROVED", "DECLINED"]),
        (Role.VIEWER, S.STARTED, P.COMPLETED, ["VIEWED"]),
        (Role.VIEWER, S.STARTED, P.CANCELED, []),
        (Role.SIGNER, S.WAITING_FOR_PROCESS, P.STARTED, []),
        (Role.SIGNER, S.SIGNED, P.STARTED, []),
        (Role.ADMINISTRATOR, S.STARTED, P.STARTED, []),
    ],
)
def test_the_acts_that_a_signer_may_report_now(role: Role, status: S, process_status: P, allowed: list[str]) -> None:
    assert flow.allowed_acts(role, status, process_status) == allowed


@pytest.mark.parametrize(
    ("steps", "is_reviewed"),
    [
        ([[Role.APPROVER], [Role.SIGNER]], True),
        ([[Role.APPROVER, Role.SIGNER]], False),
        ([[Role.SIGNER], [Role.APPROVER]], False),
        ([[Role.INITIATOR]], True),
    ],
)
def test_a_required_review_must_come_before_the_first_signer(steps: list[list[Role]], is_reviewed: bool) -> None:
    process = replace(draft(*steps), review_required=True)
    if is_reviewed:
        assert flow.after_start(process).status == P.STARTED
    else:
        with pytest.raises(flow.ReviewNeeded):
            flow.after_start(process)


roles = st.lists(st.sampled_from(list(Role)), min_size=1, max_size=4)
moves = st.lists(st.tuples(st.integers(0, 15), st.sampled_from([*S, "start", "cancel", "add", "drop"])), max_size=25)


@given(steps=st.lists(roles, min_size=1, max_size=4), moves=moves, continuing=st.booleans())
def test_any_sequence_of_moves_keeps_the_invariants(
    steps: list[list[Role]], moves: list[tuple[int, S | str]], continuing: bool
) -> None:
    process = draft(*steps, continue_on_decline=continuing)
    for place, move in moves:
        before = process
        try:
            process = _moved(process, place, move)
        except (flow.ImpossibleTransition, flow.NoActingSigner):
            process = before
        _check(before, process)


def _moved(process: flow.ProcessState, place: int, move: S | str) -> flow.ProcessState:
    signers = process.signers
    match move:
        case "start":
            return flow.after_start(process)
        case "cancel":
            return flow.after_cancel(process)
        case "add" if process.status not in flow.FINAL:
            steps = list(process.steps)
            index = place % len(steps)
            if steps[index].status == T.COMPLETED:
                return process
            steps[index] = replace(steps[index], signers=(*steps[index].signers, signer()))
            return flow.advance(replace(process, steps=tuple(steps)))
        case "drop" if process.status not in flow.FINAL and len(process.steps) > 1:
            gone = process.steps[place % len(process.steps)]
            if gone.status == T.COMPLETED or any(s.status in flow.ACTED for s in gone.signers):
                return process
            return flow.advance(replace(process, steps=tuple(s for s in process.steps if s is not gone)))
        case S():
            return flow.after_act(process, signers[place % len(signers)].id, move)
    return process


def _check(before: flow.ProcessState, after: flow.ProcessState) -> None:
    ranks = {T.COMPLETED: 0, T.STARTED: 1, T.WAITING_FOR_PREVIOUS: 2, T.CANCELED: 2}
    order = [ranks[step.status] for step in after.steps]
    assert order == sorted(order)
    running = [step for step in after.steps if step.status == T.STARTED]
    assert len(running) == (after.status == P.STARTED)
    assert all(any(s.holds_up_step for s in step.signers) for step in running)
    if before.status in flow.FINAL:
        assert after.status == before.status
        looked = {b.id for b, a in zip(before.signers, after.signers, strict=True) if a != b}
        assert all(s.status == S.VIEWED and s.role == Role.VIEWER for s in after.signers if s.id in looked)
    if after.status == P.COMPLETED:
        assert {step.status for step in after.steps} == {T.COMPLETED}
    if after.status in (P.CANCELED, P.DECLINED):
        assert not {S.STARTED, S.WAITING_FOR_PROCESS} & {s.status for s in after.signers}
    if after.status == P.PENDING:
        assert {s.status for s in after.signers} == {S.WAITING_FOR_PROCESS}
    acted = {s.id: s.status for s in before.signers if s.status in flow.ACTED}
    assert acted.items() <= {s.id: s.status for s in after.signers}.items()
    total, signed = flow.totals([(s.role, s.status) for s in after.signers])
    assert 0 <= signed <= total


def test_an_act_copies_only_the_signer_who_acted() -> None:
    started = flow.after_start(draft([Role.SIGNER, Role.SIGNER]))
    acted = act(started, 0, S.SIGNED)
    assert acted.signers[1] is started.signers[1]
