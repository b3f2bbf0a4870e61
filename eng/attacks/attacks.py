"""Attacks a server from processes of their own while good callers are served beside, and prints a table. See
eng/attacks.sh.

Good callers speak JSON over HTTP/1.1 at a fixed pace, before, during and after each attack. Their baseline is what
they see in as long a time as the attack takes, half of it just before and half just after, in the same process. Whoever
attacks does it before that already, for some seconds that are not counted: the server compiles the code that an attack
runs when it meets it first, which is not what is measured here.

Attackers share the machine with the server, as no attacker from outside does. So they take only what the machine has
to spare, and where a connection is all that an attack costs them, they keep to a rate, which the table shows.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import time

import callers
import hostile

MEMORY_MIB_MAX = 1024
RECOVERY_SECONDS_MAX = 10
P99_FACTOR_MAX = 2
P99_JUDGED_SECONDS_MIN = 3  # Below this a p99 is the worst of a handful of calls.
# A shorter attack with too high a p99 is judged by a run of this length: one pause of the machine makes the p99 of a
# few seconds, while what an attack causes it causes for as long as it lasts.
P99_SURE_SECONDS = 30
# A p99 below this is noise of the machine: stretches of ten seconds without any attack had p99s between 1.5 and 7 ms.
P99_FLOOR_MS = 5
WARM_SECONDS_MAX = 15
FORK = multiprocessing.get_context("fork")
ROW = "{:<46} {:>7} {:>7} {:>6} {:>11} {:>8} {:>6} {:>8}  {}"


class SiloAttack:
    """One of the attacks on a silo, in a process of its own that only gets what nobody else wants."""

    def __init__(self, given, name):
        self.given, self.name, self.sent = given, name.replace("_", " "), FORK.Value("q", 0, lock=False)
        self.attack, self.process, self.stop = getattr(hostile, name), None, FORK.Event()

    def begin(self):
        self.stop.clear()
        self.process = FORK.Process(target=self.run)
        self.process.start()

    def run(self):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        self.attack(self.given, self.sent, self.stop)

    def count(self):
        return self.sent.value

    def end(self):
        """Stops, and returns what went wrong with the attack itself."""
        self.stop.set()
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()
        return ""


class CaseAttack:
    """One of the hostile cases, again and again: the assembly of their tests attacks and looks at every answer."""

    def __init__(self, program, name):
        self.program, self.name, self.done = program, name, 0

    def begin(self):
        self.say(self.name)

    def count(self):
        return self.done

    def end(self):
        answer = self.say("")
        done, wrong, first = answer.split("\t")
        self.done += int(done)
        return f"{wrong} wrong answers: {first}" if int(wrong) else "" if int(done) else "it did not run"

    def say(self, line):
        self.program.stdin.write(line + "\n")
        self.program.stdin.flush()
        return self.program.stdout.readline().rstrip("\n")


def judge(watch, attack, seconds):
    """Runs one attack, prints its row, and tells whether nobody noticed."""
    is_judged = seconds >= P99_JUDGED_SECONDS_MIN
    if is_judged:
        attack.begin()
        watch.during(min(WARM_SECONDS_MAX, seconds))
        faults = [attack.end()]
        watch.during(1)
    else:
        faults = []
    before = watch.during(seconds / 2)
    count, began = attack.count(), time.monotonic()
    attack.begin()
    seen = watch.during(seconds)
    faults.append(attack.end())
    rate = (attack.count() - count) / (time.monotonic() - began)
    ended, normal, peak = time.monotonic(), None, seen.peak_mib
    while normal is None and time.monotonic() - ended < RECOVERY_SECONDS_MAX:
        after = watch.during(1)
        peak = max(peak, after.peak_mib)
        is_fast = not is_judged or after.p99() < max(P99_FACTOR_MAX * before.p99(), P99_FLOOR_MS)
        if after.latencies and not after.failures and is_fast:
            normal = time.monotonic() - ended
    calm = before + watch.during(seconds / 2)
    if seen.failures or calm.failures or not seen.latencies:
        faults.append(f"{len(seen.failures)} good calls failed: {(seen.failures + calm.failures)[:1]}")
    if peak >= MEMORY_MIB_MAX:
        faults.append(f"memory above {MEMORY_MIB_MAX} MiB")
    if normal is None:
        faults.append(f"not normal within {RECOVERY_SECONDS_MAX} s")
    faults = [fault for fault in faults if fault]
    is_slow = is_judged and seen.p99() >= max(P99_FACTOR_MAX * calm.p99(), P99_FLOOR_MS)
    is_repeated = is_slow and not faults and seconds < P99_SURE_SECONDS
    if is_slow:
        faults.append(f"p99 not below {P99_FACTOR_MAX} times its baseline" + (", so longer:" if is_repeated else ""))
    print(ROW.format(
        attack.name, f"{rate:.0f}", len(seen.latencies), len(seen.failures), f"{calm.p99():.1f}", f"{seen.p99():.1f}",
        peak, "-" if normal is None else f"{normal:.0f}", "; ".join(faults) or "ok"), flush=True)
    return judge(watch, attack, P99_SURE_SECONDS) if is_repeated else not faults


def attacks_of(given):
    if given.attacker:
        program = subprocess.Popen(
            ["chrt", "--idle", "0", *given.attacker.split()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        names = program.stdout.readline().rstrip("\n").split("\t")
        return [CaseAttack(program, name) for name in names if given.only in name]
    return [SiloAttack(given, name) for name in hostile.ATTACKS if given.only in ("", name)]


def main():
    parser = argparse.ArgumentParser()
    for name in ("http", "grpc"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--key", default="")
    parser.add_argument("--attacker", default="")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    if given.key:
        with open(given.key, encoding="ascii") as file:
            given.key_text = file.read().strip()

    results, over = FORK.SimpleQueue(), FORK.Event()
    kind = callers.echoing if given.attacker else callers.reserving
    beside = [
        FORK.Process(target=callers.run, args=(kind, given, number, results, over))
        for number in range(callers.CALLERS)]
    for caller in beside:
        caller.start()
    watch = callers.Watch(given.pid, results)
    watch.during(min(WARM_SECONDS_MAX, max(3, given.seconds)))
    print(ROW.format("attack", "rate/s", "beside", "failed", "baseline ms", "p99 ms", "MiB", "normal s", "verdict"))
    verdicts = [judge(watch, attack, given.seconds) for attack in attacks_of(given)]
    over.set()
    for caller in beside:
        caller.join(5)
    print(f"{sum(verdicts)} passed, {len(verdicts) - sum(verdicts)} failed")
    return 0 if all(verdicts) and verdicts else 1


if __name__ == "__main__":
    sys.exit(main())
