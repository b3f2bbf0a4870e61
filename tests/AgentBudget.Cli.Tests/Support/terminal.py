#!/usr/bin/env python3
"""Runs a program in a terminal of its own: terminal.py COLUMNS KEYS PROGRAM ARGUMENT...

KEYS is a list of "TEXT=>KEYS" separated by newlines: once TEXT was printed, KEYS are typed (^C for Ctrl+C). What was
printed goes to standard output, and the program's exit code is ours.
"""
import fcntl
import os
import pty
import signal
import struct
import sys
import termios

SECONDS_MAX = 120


def main():
    columns, keys, program = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    steps = [step.split("=>", 1) for step in keys.split("\n") if step]
    signal.alarm(SECONDS_MAX)  # Ends us, and with the terminal the program.
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        os.execvp(program[0], program)
    printed, searched = b"", 0
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:
            break  # The program has closed its side.
        if not more:
            break
        printed += more
        while steps:
            at = printed.find(steps[0][0].encode(), searched)
            if at < 0:
                break
            searched = at + len(steps[0][0])
            os.write(terminal, steps.pop(0)[1].replace("^C", "\x03").encode())
    sys.stdout.buffer.write(printed.replace(b"\r\n", b"\n"))
    sys.stdout.flush()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


main()
