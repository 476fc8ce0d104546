import os
import socket
import socketserver
import threading
import time


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        with open("done", "w") as file:
            file.write(f"{os.getpid()}\n")


def ask(port):
    while True:
        socket.create_connection(("127.0.0.1", port)).close()
        time.sleep(1)


with socketserver.ForkingTCPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=ask, args=server.server_address[1:], daemon=True).start()
    server.serve_forever()
