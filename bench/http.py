"""Paraph over HTTP, compared with hand-written SQL that reads and writes the same rows (`bench.sql`).

Fills a database with ROWS processes, starts the web server, and lets CLIENTS connections repeat each operation for
SECONDS, over HTTP and as SQL in turn, ROUNDS times. Prints the ratio of the median rates.
"""

import json
import os
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from time import sleep
from typing import Any

import psycopg

from bench import sql
from bench.copies import Connection, EventCopy, event_copies
from bench.load import HttpConnection, MakeOperation, Operation, http_request, measure_rate
from bench.service import GROUPS, INITIATORS, Service, service

ROWS = int(os.environ.get("ROWS", "100000"))
CLIENTS = int(os.environ.get("CLIENTS", "8"))
SECONDS = float(os.environ.get("SECONDS", "3"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))

# Inputs are chosen among this many.
_SAMPLE = 20_000


class SignerSupply:
    """Signers whose turn it is. Each can act once, so every run and every worker gets a share of its own."""

    def __init__(self, signer_ids: Sequence[str]) -> None:
        self._signer_ids = signer_ids
        self._run = 0

    def start_run(self) -> None:
        self._run += 1

    def of_worker(self, number: int) -> Iterator[str]:
        share = self._signer_ids[self._run :: 2 * ROUNDS + 1]
        return iter(share[number::CLIENTS])


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the operations choose from. `people` are pairs of query parameters and the person's key."""

    process_ids: list[str]
    people: list[tuple[str, str]]
    first_day: date
    days: int
    signers: SignerSupply


@dataclass(frozen=True, slots=True)
class Pair:
    """The same operation over HTTP and as SQL. Both are made for one of the `CLIENTS` workers."""

    name: str
    http: MakeOperation
    sql: MakeOperation


def main() -> None:
    with service(ROWS) as running, psycopg.connect(running.database, autocommit=True) as connection:
        inputs = read_inputs(connection)
        pairs = Pairs(running, connection, inputs).make()
        rates: dict[tuple[str, str], list[float]] = defaultdict(list)
        for number in range(ROUNDS):
            print(f"Round {number + 1} of {ROUNDS}", flush=True)
            for pair in pairs:
                for kind, make in (("http", pair.http), ("sql", pair.sql)):
                    if pair.name == "act":
                        inputs.signers.start_run()
                    rate = measure_rate(make, workers=CLIENTS, seconds=SECONDS)
                    rates[pair.name, kind].append(rate)
    print_table(pairs, rates)


def print_table(pairs: Sequence[Pair], rates: dict[tuple[str, str], list[float]]) -> None:
    print(f"{ROWS:,} processes, {CLIENTS} clients, medians of {ROUNDS} rounds:")
    print("| operation | Paraph /s | SQL /s | ratio |")
    print("| --- | --- | --- | --- |")
    for pair in pairs:
        http = statistics.median(rates[pair.name, "http"])
        direct = statistics.median(rates[pair.name, "sql"])
        print(f"| {pair.name} | {http:,.0f} | {direct:,.0f} | {http / direct:.3f} |")


def read_inputs(connection: Connection) -> Inputs:
    def column(query: str) -> list[str]:
        return [str(value) for (value,) in connection.execute(query.encode()).fetchall()]

    seeded = "p.document_id LIKE 'SCALE-%' AND p.version = 1"
    people = connection.execute(
        "SELECT DISTINCT country, personal_code, person_key FROM signing_signer WHERE called_at IS NOT NULL"
        f" AND email LIKE 'person%' LIMIT {_SAMPLE}"
    ).fetchall()
    ((first, last),) = connection.execute(
        f"SELECT min(created_at), max(created_at) FROM signing_process p WHERE {seeded}"
    ).fetchall()
    return Inputs(
        column(f"SELECT id FROM signing_process p WHERE status = 'COMPLETED' AND {seeded} LIMIT {_SAMPLE}"),
        [(f"country={country}&personalCode={code}", key) for country, code, key in people],
        first.astimezone(UTC).date(),
        (last - first).days,
        SignerSupply(
            column(
                "SELECT g.id FROM signing_signer g JOIN signing_process p ON p.id = g.process_id WHERE g.position = 1"
                f" AND g.status = 'STARTED' AND p.status = 'STARTED' AND {seeded} ORDER BY md5(g.id::text)"
            )
        ),
    )


class Pairs:
    """Makes the pairs of operations. Sends the first request of each, and copies what the service wrote for it."""

    def __init__(self, running: Service, connection: Connection, inputs: Inputs) -> None:
        self._running = running
        self._connection = connection
        self._inputs = inputs
        self._http = HttpConnection(running.port)

    def make(self) -> list[Pair]:
        return [
            self._create(),
            self._list_filtered(),
            self._list_newest(),
            self._get(),
            self._get_unchanged(),
            self._act(),
            self._report(),
            self._tasks(),
        ]

    def _create(self) -> Pair:
        copy = sql.created(self._connection, self._send(self._create_request(Random(0)), 201))
        return Pair(
            "create (2 steps, 4 signers)",
            self._over_http(self._create_request, 201),
            self._as_sql(lambda connection, random: sql.create(connection, copy)),
        )

    def _list_filtered(self) -> Pair:
        def request(random: Random) -> bytes:
            filters = self._filters(random)
            query = f"ownerGroup={filters['group']}&processStatus={filters['status']}"
            last_day = filters["before"].date() - timedelta(days=1)
            query += f"&createdDateAfter={filters['after']:%Y-%m-%d}&createdDateBefore={last_day}"
            return self._request("GET", f"/api/processes?{query}&size=25")

        read = self._read_event("PROCESS_GETALL", request)

        def direct(connection: Connection, random: Random) -> bytes:
            return sql.list_filtered(connection, self._filters(random), read)

        return self._compared("list 25, filtered", request, direct)

    def _list_newest(self) -> Pair:
        request = self._request("GET", "/api/processes?size=25")
        read = self._read_event("PROCESS_GETALL", lambda random: request)

        def direct(connection: Connection, random: Random) -> bytes:
            return sql.list_newest(connection, read)

        return self._compared("list 25, no filter", lambda random: request, direct)

    def _get(self) -> Pair:
        process_ids = self._inputs.process_ids

        def request(random: Random) -> bytes:
            return self._request("GET", f"/api/processes/{random.choice(process_ids)}")

        read = self._read_event("PROCESS_GETONE", request, [Random(0).choice(process_ids)])

        def direct(connection: Connection, random: Random) -> bytes:
            return sql.get(connection, random.choice(process_ids), read)

        return self._compared("get one", request, direct)

    def _get_unchanged(self) -> Pair:
        def request(random: Random) -> bytes:
            path = f"/api/processes/{random.choice(self._inputs.process_ids)}"
            return self._request("GET", path, If_None_Match='"1"')

        def direct(connection: Connection, random: Random) -> bytes:
            return sql.get_version(connection, random.choice(self._inputs.process_ids))

        return Pair("get one, 304", self._over_http(request, 304), self._as_sql(direct))

    def _act(self) -> Pair:
        body = b'{"signingStatus":"SIGNED"}'

        def request(signer_id: str) -> bytes:
            return self._request("POST", f"/api/signers/{signer_id}/act", body)

        # The first act.
        signer_id = next(self._inputs.signers.of_worker(0))
        self._send(request(signer_id), 200)
        ((process_id,),) = self._connection.execute(
            "SELECT process_id::text FROM signing_signer WHERE id = %s", [signer_id]
        ).fetchall()
        ids = [process_id, signer_id]
        where = "process_id = %s AND signer_id = %s"
        (signed,) = event_copies(self._connection, where, ids, ids, is_next=True)

        def over_http(worker: int) -> Operation:
            connection = HttpConnection(self._running.port)
            signer_ids = self._inputs.signers.of_worker(worker)

            def operation() -> None:
                _require(connection.send(request(next(signer_ids))), 200)

            return operation

        def as_sql(worker: int) -> Operation:
            connection = psycopg.connect(self._running.database, autocommit=True)
            signer_ids = self._inputs.signers.of_worker(worker)

            def operation() -> None:
                sql.act(connection, next(signer_ids), signed)

            return operation

        return Pair("act", over_http, as_sql)

    def _report(self) -> Pair:
        process_ids = self._inputs.process_ids

        def request(random: Random) -> bytes:
            event = {
                "eventType": "DOCUMENT_DOWNLOAD",
                "eventOrigin": "portal",
                "documentId": "DOC-1",
                "processId": random.choice(process_ids),
                "ipAddress": "10.1.2.3",
                "creator": "user-7",
                "note": "x",
            }
            return self._request("POST", "/api/audit-events", json.dumps(event).encode())

        response = self._send(request(Random(0)), 201)
        event_id = json.loads(response)["id"]
        ids = [json.loads(response)["processId"]]
        (event,) = event_copies(self._connection, "id = %s", [event_id], ids, is_next=True)

        def direct(connection: Connection, random: Random) -> bytes:
            return sql.report(connection, random.choice(process_ids), event, response)

        return Pair("audit event", self._over_http(request, 201), self._as_sql(direct))

    def _tasks(self) -> Pair:
        people = self._inputs.people

        def request(random: Random) -> bytes:
            query, _ = random.choice(people)
            return self._request("GET", f"/api/signer-tasks?{query}")

        read = self._read_event("PROCESS_GETALL", request)

        def direct(connection: Connection, random: Random) -> bytes:
            _, person = random.choice(people)
            return sql.tasks(connection, person, read)

        return self._compared("signer tasks", request, direct)

    def _compared(
        self,
        name: str,
        request: Callable[[Random], bytes],
        direct: Callable[[Connection, Random], bytes],
    ) -> Pair:
        """A pair of reads, after a check that both return the same bytes."""
        for seed in range(5):
            over_http = self._send(request(Random(seed)), 200)
            as_sql = direct(self._connection, Random(seed))
            assert over_http == as_sql, f"{name}: {len(over_http)} and {len(as_sql)} bytes, which differ"
        return Pair(name, self._over_http(request, 200), self._as_sql(direct))

    def _read_event(self, event_type: str, request: Callable[[Random], bytes], ids: Sequence[str] = ()) -> EventCopy:
        """The event of a read. The service writes it after its response."""
        ((last,),) = self._connection.execute("SELECT coalesce(max(number), 0) FROM audit_event").fetchall()
        self._send(request(Random(0)), 200)
        for _ in range(100):
            where = "number > %s AND event_type = %s"
            events = event_copies(self._connection, where, [last, event_type], ids)
            if events:
                return events[0]
            sleep(0.1)
        raise TimeoutError("The read was not recorded.")

    def _create_request(self, random: Random) -> bytes:
        number = random.randrange(1_000_000)
        signers = [_signer_body(number, position) for position in range(4)]
        body = {
            "documentId": f"DOC-{number}",
            "documentName": f"Contract {number}",
            "documentType": "CONTRACT",
            "ownerGroup": f"group-{number % GROUPS}",
            "initiator": f"user-{number % INITIATORS}",
            "initiatorName": "Ilze Kalniņa",
            "processInitiatorEmail": "ilze@example.org",
            "signingProcessSteps": [
                {"processOrder": 1, "dueDate": "2036-05-01T12:00:00Z", "processStepSigners": signers[:2]},
                {"processOrder": 2, "dueDate": "2036-06-01T12:00:00Z", "processStepSigners": signers[2:]},
            ],
        }
        return self._request("POST", "/api/processes", json.dumps(body).encode())

    def _filters(self, random: Random) -> Mapping[str, Any]:
        """A group, a status, and half of the time in which the processes were created."""
        half = self._inputs.days // 2
        first_day = self._inputs.first_day + timedelta(days=random.randrange(half + 1))
        after = datetime.combine(first_day, time(), UTC)
        before = after + timedelta(days=half)
        return {"group": f"group-{random.randrange(GROUPS)}", "status": "COMPLETED", "after": after, "before": before}

    def _request(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        return http_request(method, path, self._running.token, body, **headers)

    def _send(self, request: bytes, status: int) -> bytes:
        return _require(self._http.send(request), status)

    def _over_http(self, request: Callable[[Random], bytes], status: int) -> MakeOperation:
        def make(worker: int) -> Operation:
            connection = HttpConnection(self._running.port)
            random = Random()

            def operation() -> None:
                _require(connection.send(request(random)), status)

            return operation

        return make

    def _as_sql(self, direct: Callable[[Connection, Random], bytes]) -> MakeOperation:
        def make(worker: int) -> Operation:
            connection = psycopg.connect(self._running.database, autocommit=True)
            random = Random()

            def operation() -> None:
                direct(connection, random)

            return operation

        return make


def _signer_body(number: int, position: int) -> dict[str, Any]:
    return {
        "signerName": f"Signer {number} {position}",
        "signerCountry": "DE",
        "signerPersonalCode": f"{number * 4 + position:011}",
        "signerEmail": f"signer{number}.{position}@example.org",
        "signerRole": "SIGNER",
        "signerLanguage": "en",
    }


def _require(response: tuple[int, bytes], status: int) -> bytes:
    """The body; an error if the status is another one."""
    received, body = response
    assert received == status, (received, body[:500])
    return body


if __name__ == "__main__":
    main()
