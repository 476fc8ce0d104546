import socket
import sys
import time


def ask(*words):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect("sock")
    connection.sendall((" ".join(words) + "\r\n").encode())
    return connection


if sys.argv[1:] == ["busy"]:
    # A long script beside a child that has saved and is dead.
    ask("config", "set", "rdb-key-save-delay", "1000").recv(100)
    ask("set", "key", "value").recv(100)
    ask("debug", "populate", "200").recv(100)
    ask("bgsave").recv(100)
    blocked = ask("eval", '"while true do end"', "0")
    time.sleep(900)
while True:
    ask("bgsave").recv(100)
    with open("done", "w") as file:
        file.write("1\n")
    time.sleep(0.5)
