"""A small DNS server on 127.0.0.1 that answers what a test says, over UDP as real ones do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping

import dns.message
import dns.name
import dns.rcode
import dns.resolver
import dns.rrset


class NameServer:
    """Answers from a table of (name, type) -> records; NXDOMAIN for the rest, or nothing at all where it is mute."""

    def __init__(self, records: Mapping[tuple[str, str], tuple[str, ...]], *, is_mute: bool = False) -> None:
        self._records, self._is_mute = records, is_mute
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def resolver(self) -> dns.resolver.Resolver:
        """Return a resolver that asks this server and no other."""
        made = dns.resolver.Resolver(configure=False)
        made.nameservers, made.port = ["127.0.0.1"], self._socket.getsockname()[1]
        return made

    def close(self) -> None:
        """Stop answering."""
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                wire, sender = self._socket.recvfrom(4096)
                if answer := self._answer(dns.message.from_wire(wire)):
                    self._socket.sendto(answer.to_wire(), sender)
            except OSError:
                return

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        [question] = query.question
        key = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append(key)
        if self._is_mute:
            return None
        answer = dns.message.make_response(query)
        if key in self._records:
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", key[1], list(self._records[key])))
        elif not any(name == key[0] for name, _ in self._records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
