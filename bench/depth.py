"""How lists slow down as the database grows: p95 with ROWS processes divided by p95 with SMALL processes.

Sends each kind of request REQUESTS times over one connection to each of two services, in turn. Also divides the p95 of
skewed cases (a group with half of the processes, a person with up to 10,000 tasks, the status of the newest processes,
a common word) by that of the uniform ones, in the larger database.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from urllib.parse import urlencode

import psycopg

from bench.load import HttpConnection, http_request
from bench.service import GROUPS, INITIATORS, Service, service
from config.api.lists.cursors import Position

SMALL = int(os.environ.get("SMALL", "10000"))
ROWS = int(os.environ.get("ROWS", "100000"))
REQUESTS = int(os.environ.get("REQUESTS", "200"))

MAX_GROWTH = 1.3
MAX_SKEW = 2.0

_WARM_UP = 20
_SAMPLE = 1_000
_LAST_PAGE = 399
_OLDER_STATUSES = ("PENDING", "COMPLETED", "CANCELED")


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of one database that requests choose from. `cursors` are spread over the whole list.

    Each project and company has a hundred processes. `people` have about thirty tasks, and `people_of_newest` about
    twenty open ones.
    """

    document_types: list[str]
    projects: list[str]
    companies: list[str]
    people: list[tuple[str, str]]
    people_of_newest: list[tuple[str, str]]
    busy_person: tuple[str, str]
    days: list[str]
    cursors: list[str]
    task_cursors: list[str]


Parameters = Mapping[str, str]
Choose = Callable[[Sample, Random], Parameters]

_PROCESSES = "/api/processes"
_TASKS = "/api/signer-tasks"


def _person(person: tuple[str, str]) -> dict[str, str]:
    country, code = person
    return {"country": country, "personalCode": code}


def _group(random: Random) -> str:
    return f"group-{random.randrange(GROUPS)}"


# Name -> path, and the query parameters of a request.
UNIFORM: dict[str, tuple[str, Choose]] = {
    "no filter": (_PROCESSES, lambda sample, random: {}),
    "group": (_PROCESSES, lambda sample, random: {"ownerGroup": _group(random)}),
    "status": (_PROCESSES, lambda sample, random: {"processStatus": random.choice(_OLDER_STATUSES)}),
    "type": (_PROCESSES, lambda sample, random: {"docType": random.choice(sample.document_types)}),
    "day": (
        _PROCESSES,
        lambda sample, random: dict.fromkeys(("createdDateAfter", "createdDateBefore"), random.choice(sample.days)),
    ),
    "group and status": (
        _PROCESSES,
        lambda sample, random: {"ownerGroup": _group(random), "processStatus": random.choice(_OLDER_STATUSES)},
    ),
    "group and type": (
        _PROCESSES,
        lambda sample, random: {"ownerGroup": _group(random), "docType": random.choice(sample.document_types)},
    ),
    "initiator and status": (
        _PROCESSES,
        lambda sample, random: {
            "owner": f"user-{random.randrange(INITIATORS)}",
            "processStatus": random.choice(_OLDER_STATUSES),
        },
    ),
    "personal code": (_PROCESSES, lambda sample, random: {"personalCode": random.choice(sample.people)[1]}),
    "name search": (_PROCESSES, lambda sample, random: {"nameSearch": random.choice(sample.projects)}),
    "email search": (_PROCESSES, lambda sample, random: {"emailSearch": random.choice(sample.companies)}),
    "tasks": (_TASKS, lambda sample, random: _person(random.choice(sample.people))),
    "open tasks": (
        _TASKS,
        lambda sample, random: _person(random.choice(sample.people_of_newest)) | {"processStatus": "STARTED"},
    ),
    "last page (400)": (_PROCESSES, lambda sample, random: {"page": str(_LAST_PAGE)}),
    "cursor at any depth": (_PROCESSES, lambda sample, random: {"cursor": random.choice(sample.cursors)}),
}

# Name -> the uniform case to compare with, the path and the query parameters.
SKEWED: dict[str, tuple[str, str, Choose]] = {
    "group with half of all processes": ("group", _PROCESSES, lambda sample, random: {"ownerGroup": "group-large"}),
    "status of the newest tenth": ("status", _PROCESSES, lambda sample, random: {"processStatus": "STARTED"}),
    "large group, status of the newest": (
        "group and status",
        _PROCESSES,
        lambda sample, random: {"ownerGroup": "group-large", "processStatus": "STARTED"},
    ),
    "large group and a rare status": (
        "group and status",
        _PROCESSES,
        lambda sample, random: {"ownerGroup": "group-large", "processStatus": "DECLINED"},
    ),
    "large group and type": (
        "group and type",
        _PROCESSES,
        lambda sample, random: {"ownerGroup": "group-large", "docType": random.choice(sample.document_types)},
    ),
    "search for a common word": ("name search", _PROCESSES, lambda sample, random: {"nameSearch": "contract"}),
    "search for three letters": ("name search", _PROCESSES, lambda sample, random: {"nameSearch": "ber"}),
    "search for a common domain": ("email search", _PROCESSES, lambda sample, random: {"emailSearch": "example"}),
    "person with many tasks": ("tasks", _TASKS, lambda sample, random: _person(sample.busy_person)),
    "open tasks of that person": (
        "open tasks",
        _TASKS,
        lambda sample, random: _person(sample.busy_person) | {"processStatus": "STARTED"},
    ),
    "cursor in the tasks of that person": (
        "tasks",
        _TASKS,
        lambda sample, random: _person(sample.busy_person) | {"cursor": random.choice(sample.task_cursors)},
    ),
}


class Requester:
    """Sends requests to one service and takes their times."""

    def __init__(self, running: Service) -> None:
        self._token = running.token
        self._http = HttpConnection(running.port)
        with psycopg.connect(running.database) as connection:
            self.sample = read_sample(connection)

    def seconds(self, path: str, choose: Choose, random: Random) -> float:
        query = urlencode(choose(self.sample, random))
        request = http_request("GET", f"{path}?{query}", self._token)
        began = time.perf_counter()
        status, body = self._http.send(request)
        taken = time.perf_counter() - began
        assert status == 200, (path, query, status, body[:500])
        return taken


def main() -> None:
    cases = {name: (path, choose) for name, (path, choose) in UNIFORM.items()}
    cases |= {name: (path, choose) for name, (_, path, choose) in SKEWED.items()}
    small: dict[str, float] = {}
    large: dict[str, float] = {}
    with ExitStack() as services:
        small_service = Requester(services.enter_context(service(SMALL)))
        large_service = Requester(services.enter_context(service(ROWS)))
        for name, (path, choose) in cases.items():
            small[name], large[name] = measure(small_service, large_service, path, choose)
    print_growth(small, large)
    print_skew(large)


def measure(small: Requester, large: Requester, path: str, choose: Choose) -> tuple[float, float]:
    """The p95 of both services, which take turns."""
    random = Random(0)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(_WARM_UP + REQUESTS):
        for requester, taken in zip((small, large), times, strict=True):
            seconds = requester.seconds(path, choose, random)
            if number >= _WARM_UP:
                taken.append(seconds)
    return _p95(times[0]), _p95(times[1])


def print_growth(small: Mapping[str, float], large: Mapping[str, float]) -> None:
    print(f"p95 with {ROWS:,} processes divided by p95 with {SMALL:,}; goal: at most {MAX_GROWTH}")
    print("| list | ratio |")
    print("| --- | --- |")
    for name, p95 in large.items():
        print(f"| {name} | {p95 / small[name]:.2f} |")


def print_skew(large: Mapping[str, float]) -> None:
    print(f"p95 of skewed cases divided by that of uniform ones, {ROWS:,} processes; goal: at most {MAX_SKEW:.0f}")
    print("| skewed | uniform | ratio |")
    print("| --- | --- | --- |")
    for name, (uniform, _, _) in SKEWED.items():
        print(f"| {name} | {uniform} | {large[name] / large[uniform]:.2f} |")


def read_sample(connection: psycopg.Connection) -> Sample:
    # Every nth process, oldest first.
    (count,) = connection.execute("SELECT count(*) FROM signing_process").fetchone() or (0,)
    rows = connection.execute(
        "SELECT created_at, id, document_name FROM (SELECT *, row_number() OVER (ORDER BY created_at, id) AS place"
        " FROM signing_process WHERE document_id LIKE 'SCALE-%%') p WHERE place %% %s = 0",
        [max(count // _SAMPLE, 1)],
    ).fetchall()
    signers = connection.execute(
        "SELECT country, personal_code, email FROM signing_signer WHERE process_id = ANY(%s) AND position = 1"
        " ORDER BY created_at",
        [[row[1] for row in rows]],
    ).fetchall()
    people = [(country, code) for country, code, _ in signers]
    ((country, code, key),) = connection.execute(
        "SELECT country, personal_code, person_key FROM signing_signer WHERE email LIKE 'person0@%%' LIMIT 1"
    ).fetchall()
    busy_tasks = connection.execute(
        "SELECT created_at, id FROM signing_signer WHERE person_key = %s AND called_at IS NOT NULL", [key]
    ).fetchall()
    types = connection.execute("SELECT DISTINCT document_type FROM signing_process").fetchall()
    return Sample(
        document_types=sorted(document_type for (document_type,) in types),
        projects=[name.split()[1] for _, _, name in rows],
        companies=[email.partition("@")[2] for _, _, email in signers],
        people=people[: -len(people) // 5],
        people_of_newest=people[-len(people) // 20 :],
        busy_person=(country, code),
        days=sorted({f"{created_at:%Y-%m-%d}" for created_at, _, _ in rows})[1:-1],
        cursors=[Position(created_at, process_id, descending=True).cursor() for created_at, process_id, _ in rows],
        task_cursors=[
            Position(created_at, signer_id, descending=True).cursor() for created_at, signer_id in busy_tasks
        ],
    )


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


if __name__ == "__main__":
    main()
