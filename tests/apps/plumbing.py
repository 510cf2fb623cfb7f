# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A minimal HTTP server whose sockets go the odd ways: plumbing.py MODE; prints its port.

reuseport  two processes listen on one port, each with its own socket
scm        one process accepts and passes each connection to another (SCM_RIGHTS)
threads    one thread reads a connection, another writes its answers
dup        each connection is served through a duplicate, the first descriptor is closed at once
fork       a child per connection, which inherits it
"""
import array
import os
import queue
import signal
import socket
import sys
import threading

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def listen(port=0):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("127.0.0.1", port))
    s.listen(64)
    return s


def heads(conn):
    """Yields once per request head; bodies are not expected."""
    data = b""
    while True:
        while b"\r\n\r\n" in data:
            data = data.split(b"\r\n\r\n", 1)[1]
            yield
        more = conn.recv(65536)
        if not more:
            return
        data += more


def serve(conn):
    with conn:
        for _ in heads(conn):
            conn.sendall(ANSWER)


def serve_with_two_threads(conn):
    todo = queue.Queue()

    def write():
        while todo.get():
            conn.sendall(ANSWER)

    writer = threading.Thread(target=write)
    writer.start()
    for _ in heads(conn):
        todo.put(True)
    todo.put(False)
    writer.join()
    conn.close()


def each(listener, handle):
    while True:
        conn = listener.accept()[0]
        threading.Thread(target=handle, args=(conn,), daemon=True).start()


def through_duplicate(conn):
    other = conn.dup()
    conn.close()
    serve(other)


def pass_on(listener):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    if not os.fork():
        while True:
            _, fds, _, _ = socket.recv_fds(theirs, 1, 1)
            conn = socket.socket(fileno=fds[0])
            threading.Thread(target=serve, args=(conn,), daemon=True).start()
    while True:
        conn = listener.accept()[0]
        ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [conn.fileno()]))])
        conn.close()


def child_each(listener):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        conn = listener.accept()[0]
        if not os.fork():
            serve(conn)
            os._exit(0)
        conn.close()


def main():
    mode, listener = sys.argv[1], listen()
    second = listen(listener.getsockname()[1]) if mode == "reuseport" else None
    if second and not os.fork():
        listener.close()
        listener = second
    elif second:
        second.close()
        print(listener.getsockname()[1], flush=True)
    if not second:
        print(listener.getsockname()[1], flush=True)
    if mode == "scm":
        pass_on(listener)
    elif mode == "fork":
        child_each(listener)
    else:
        each(listener, {"threads": serve_with_two_threads, "dup": through_duplicate}.get(mode, serve))


if __name__ == "__main__":
    main()
