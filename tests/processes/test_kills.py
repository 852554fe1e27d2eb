"""kill -9 of any process at any step: no lost job, no double release, no unsigned file.

One instance lives through all of it, in the order of this file: first the road is walked with kills, then the
consent is withdrawn, then everything is stopped with Ctrl-C.
"""

from __future__ import annotations

import os
import signal

import pytest
from django.conf import settings

from tests.processes.conftest import Stage
from tests.processes.instance import MAX_ATTEMPTS, processes_of, programs, wait_for

SHORT = "大家好，欢迎来到直播间。今天为大家介绍润肤霜。"
LONG = "大家好，欢迎来到直播间。今天为大家介绍茉莉花茶润肤霜，每瓶五十毫升，请注意，我是数字人主播。" * 3


def test_render_worker_killed_while_it_builds_an_avatar(stage: Stage) -> None:
    ask = stage.instance.ask
    ask("kill_at_progress", kind="avatars.build", subject=stage.avatar, at_least=0.05)
    ask("kill_at_file", kind="avatars.build", subject=stage.avatar, name=f"files/models/{stage.avatar}")
    stage.settled()
    assert ask("avatar_state", avatar=stage.avatar) == "ready"


def test_one_take_whose_processes_are_killed_at_every_step(stage: Stage) -> None:
    ask = stage.instance.ask
    take = stage.order(SHORT)
    ask("kill_at_progress", kind="avatars.perform", subject=take, at_least=0.02)
    ask("kill_at_file", kind="avatars.perform", subject=take, name=f"files/renderings/{take}/*")
    ask("kill_at_progress", kind="release.gate", subject=take, at_least=0.05)  # measuring
    ask("kill_at_file", kind="release.gate", subject=take, name="labelled.mp4")  # signing
    ask("kill_before_commit", take=take)
    ask("kill_after_commit", take=take)
    stage.settled()
    assert ask("take_state", take=take) == "released"


def test_two_gates_and_every_message_three_times_release_once(stage: Stage) -> None:
    ask = stage.instance.ask
    second = stage.instance.start_another("gate")
    takes = [stage.order() for _ in range(2)]
    for kind in ("avatars.perform", "release.gate"):
        ask("deliver_again", kind=kind, jobs=len(takes), times=2)
    stage.settled()
    assert {ask("take_state", take=take) for take in takes} == {"released"}
    second.terminate()
    assert second.wait(timeout=20) == 0


def test_messages_the_broker_lost_and_a_permit_that_ran_out_meanwhile(stage: Stage) -> None:
    ask = stage.instance.ask
    worker = wait_for(lambda: stage.instance.pid("render"), "a render worker", seconds=30)
    os.kill(worker, signal.SIGSTOP)
    take = stage.order()
    ask("permit_runs_out", take=take)
    ask("lose_messages", queue="render")
    os.kill(worker, signal.SIGCONT)
    stage.settled()
    assert ask("take_state", take=take) == "released"


def test_every_job_repeats_after_its_last_write(stage: Stage) -> None:
    again = stage.instance.ask("run_all_again")
    road = {"avatars.origin", "avatars.build", "release.permit", "avatars.perform", "release.gate"}
    assert set(again) == {"consent.receipt", *road}
    stage.settled()


def test_sequencer_killed_between_and_inside_batches(stage: Stage) -> None:
    ask = stage.instance.ask
    for entries in (40, 400, 1500):
        before = ask("log_size")
        ask("burst", entries=entries)
        stage.instance.kill("sequencer")
        after = ask("log_size")
        assert sum(after.values()) == sum(before.values()) + entries
    stage.settled()


def test_a_job_that_kills_its_process_each_time_is_given_up(stage: Stage) -> None:
    ask = stage.instance.ask
    take = stage.order()
    for _attempt in range(MAX_ATTEMPTS):
        ask("kill_at_progress", kind="release.gate", subject=take, at_least=0)
    ask("settle")
    job = ask("job_of", kind="release.gate", subject=take)
    assert (job["state"], job["attempts"], job["code"]) == ("failed", MAX_ATTEMPTS, "job_gave_up")
    assert "stopped its worker several times" in job["text"]
    ask("stop_take", take=take)
    stage.settled()


def test_withdrawal_while_performing_with_the_desk_killed_in_the_cascade(stage: Stage) -> None:
    ask = stage.instance.ask
    take = stage.order(LONG)
    ask("wait_for_progress", kind="avatars.perform", subject=take, at_least=0.02)
    ask("kill_in_cascade", grant=stage.grant)
    stage.settled()
    assert ask("take_state", take=take) == "cancelled"
    assert ask("job_of", kind="avatars.perform", subject=take)["state"] == "cancelled"
    assert ask("figures", avatar=stage.avatar) == {"destroyed": True, "model": "", "footage": ""}
    assert list(ask("delays", grant=stage.grant)) == [name for name, _step in settings.AVOW_WITHDRAWAL_STEPS]


def test_ctrl_c_stops_every_process(stage: Stage) -> None:
    supervisor = stage.instance.supervisor
    for program in programs():
        if program != "web":
            wait_for(lambda name=program: stage.instance.pid(name), program, seconds=30)  # type: ignore[misc]
    supervisor.send_signal(signal.SIGINT)
    supervisor.wait(timeout=20)
    ours = {stage.instance.driver.pid, *(process.pid for process in stage.instance.extra)}
    left = {pid: line for pid, line in processes_of(stage.instance.state).items() if pid not in ours}
    assert left == {}


@pytest.fixture(autouse=True)
def _in_order(request: pytest.FixtureRequest, stage: Stage) -> None:
    """After the supervisor is gone there is nothing to test any more."""
    assert stage.instance.supervisor.poll() is None, stage.instance.tail()
