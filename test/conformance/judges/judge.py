"""Reads recorded bytes as h11 does: one line of base64 in, one JSON line with the messages in them out."""

import base64
import json
import sys

import h11


def encode(data):
    return base64.b64encode(bytes(data)).decode()


def read(data):
    # A server of h11 reads; what it would answer is of no interest, but it must answer to go on.
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    messages = []
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                return {"messages": messages, "problem": "" if connection.their_state in (h11.IDLE, h11.DONE) else "incomplete"}
            if event is h11.PAUSED:
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                    return {"messages": messages, "problem": "it would close"}
                connection.start_next_cycle()
            elif isinstance(event, h11.Request):
                host = [bytes(value) for name, value in event.headers if name == b"host"]
                messages.append(
                    {
                        "method": event.method.decode("latin1"),
                        "target": encode(event.target),
                        "host": host[0].decode("latin1") if host else "",
                        "body": b"",
                        "trailers": [],
                        "whole": False,
                    }
                )
            elif isinstance(event, h11.Data):
                messages[-1]["body"] += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                messages[-1]["trailers"] = sorted([name.decode("latin1"), encode(value)] for name, value in event.headers)
                messages[-1]["whole"] = True
    except h11.RemoteProtocolError as error:
        return {"messages": messages, "problem": str(error)}


for line in sys.stdin:
    if line.strip() == "":
        continue
    reading = read(base64.b64decode(line))
    for message in reading["messages"]:
        message["body"] = encode(message["body"])
    print(json.dumps(reading), flush=True)
