"""The mail server: it catches everything that is sent to it and delivers nothing."""

import asyncio
import socket
import threading
import time
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, Envelope, Session

from scenarios.world.conditions import get_conditions, take_one
from scenarios.world.context import World
from scenarios.world.gates import Call, add_call, log, obey_conditions
from scenarios.world.postbox import keep_mail
from scenarios.world.refusals import Refusal

NOT_NOW = "451 4.3.0 Not now, try again later"


class Catcher:
    """What the SMTP protocol does with a mail; the method's name is aiosmtpd's."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a mail, or refuse it as the conditions say, and return the answer."""
        # In a thread of its own, since a mail that is kept waiting must not hold up the others.
        return await asyncio.to_thread(self.receive, envelope)

    def receive(self, envelope: Envelope) -> str:
        """Do the same for a caller that may be kept waiting."""
        started = time.perf_counter()
        answer, outcome = self._answer(envelope)
        ms = round((time.perf_counter() - started) * 1000, 1)
        status = int(answer[:3])
        log.info("SMTP DATA %s %s ms, %s", status, ms, outcome)
        add_call(self._world, Call("mail", "DATA", "", None, status, outcome, ms))
        return answer

    def _answer(self, envelope: Envelope) -> tuple[str, str]:
        try:
            obey_conditions(self._world, "mail")
        except Refusal:
            return NOT_NOW, "failed by condition"
        with self._world.ledger.transaction() as db:
            if get_conditions(db, "mail")["refuse"]:
                return NOT_NOW, "refused by condition"
            source = envelope.original_content or b""
            keep_mail(db, envelope.mail_from or "", envelope.rcpt_tos, source, self._world.clock())
            is_dropped = take_one(db, "mail", "drop_after_accept_next")
        return (NOT_NOW, "response dropped") if is_dropped else ("250 OK", "kept")


class MailServer:
    """An SMTP server on a socket that is already bound, in a thread of its own."""

    def __init__(self, world: World, bound: socket.socket) -> None:
        self._world = world
        self._loop = asyncio.new_event_loop()
        self._bound = bound
        self._stopped = asyncio.Event()
        self._connections: WeakSet[SMTP] = WeakSet()
        self._thread = threading.Thread(target=self._run, name="mail", daemon=True)

    def start(self) -> None:
        """Begin to accept connections."""
        self._bound.listen(100)
        self._thread.start()

    def stop(self) -> None:
        """Close the socket and every connection, and wait for the thread to end."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await self._loop.create_server(self._connection, sock=self._bound)
        await self._stopped.wait()
        server.close()
        for connection in list(self._connections):
            if connection.transport is not None:
                connection.transport.close()
        await _end_tasks(self._loop)

    def _connection(self) -> SMTP:
        connection = SMTP(
            Catcher(self._world),
            hostname="localhost",
            ident="Catches everything",
            enable_SMTPUTF8=True,
            loop=self._loop,
        )
        self._connections.add(connection)
        return connection


async def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    tasks = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await loop.shutdown_default_executor()
