# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of Janus's Unix socket that joins a room with many handles and reads nothing from then on, until it is killed.

    python3 unix-silent.py PATH ROOM HANDLES       prints "joined" when all of them have
"""
import json
import socket
import sys
import time

path, room, handles = sys.argv[1], sys.argv[2], int(sys.argv[3])
janus = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
janus.connect(path)
asked = 0


def ask(kind, **fields):
    """Returns the answer to a request; what else comes meanwhile is not of interest."""
    global asked
    asked += 1
    janus.send(json.dumps({"janus": kind, "transaction": str(asked), **fields}).encode())
    while True:
        answer = json.loads(janus.recv(8 << 20))
        if answer.get("transaction") == str(asked) and answer["janus"] != "ack":
            assert answer["janus"] == "success", answer
            return answer


session = ask("create")["data"]["id"]
for i in range(handles):
    handle = ask("attach", session_id=session, plugin="janus.plugin.portal")["data"]["id"]
    joined = ask("message", session_id=session, handle_id=handle, body={"request": "join", "room": room})
    assert joined["plugindata"]["data"]["portal"] == "success", joined
print("joined", flush=True)
time.sleep(120)
