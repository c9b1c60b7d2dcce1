# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to a Unix socket of packets (SOCK_SEQPACKET), which Node has not: each line over TCP is a packet, and each packet a line.

    python3 unix-bridge.py PATH        prints its port
"""
import socket
import sys
import threading


def pass_lines(client, janus):
    with client.makefile("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):  # a torn one is nothing
                janus.send(line[:-1])


def pass_packets(janus, client):
    while packet := janus.recv(8 << 20):
        client.sendall(packet.replace(b"\n", b" ") + b"\n")


def run(work, *ends):
    try:
        work(*ends)
    except OSError:
        pass
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, path):
    with client, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as janus:
        try:
            janus.connect(path)
        except OSError:
            return
        down = threading.Thread(target=run, args=(pass_packets, janus, client))
        down.start()
        run(pass_lines, client, janus)
        down.join()


with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=serve, args=(server.accept()[0], sys.argv[1]), daemon=True).start()
