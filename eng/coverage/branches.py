"""Prints the branch coverage in Cobertura reports by file, the branches that no report took, and the sum.

Several reports of the same assembly are one: a branch is covered where any of them took it.
"""

import argparse
import collections
import re
import sys
import xml.etree.ElementTree as xml

ASSEMBLY = "AgentBudget.Ledger"


def taken_and_there(line):
    """How many branches of a line were taken, and how many there are."""
    taken, there = re.search(r"\((\d+)/(\d+)\)", line.get("condition-coverage")).groups()
    return int(taken), int(there)


def read(reports):
    """Branches of every line by file and line number: the best of the reports."""
    files = collections.defaultdict(dict)
    for report in reports:
        root = xml.parse(report).getroot()
        for package in root.iter("package"):
            if package.get("name") != ASSEMBLY:
                continue
            for of_class in package.iter("class"):
                lines = files[of_class.get("filename").split(ASSEMBLY + "/")[-1]]
                for line in of_class.find("lines"):
                    if line.get("branch") != "True":
                        continue
                    number = int(line.get("number"))
                    before = lines.get(number, (0, 0))
                    lines[number] = max(before, taken_and_there(line))
    return files


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("reports", nargs="+")
    parser.add_argument("--min", type=float, required=True)
    parser.add_argument("--sources", default="src/" + ASSEMBLY)
    arguments = parser.parse_args()
    files = read(arguments.reports)

    all_taken = all_there = 0
    for name in sorted(files):
        lines = files[name]
        if not lines:
            continue
        taken = sum(one for one, _ in lines.values())
        there = sum(one for _, one in lines.values())
        all_taken += taken
        all_there += there
        print(f"{100 * taken / there:6.1f}  {taken:4} of {there:4}  {name}")
        with open(f"{arguments.sources}/{name}", encoding="utf-8") as file:
            text = file.read().splitlines()
        for number, (of_line, in_line) in sorted(lines.items()):
            if of_line < in_line:
                print(f"          {in_line - of_line} of {in_line} not taken, line {number}: {text[number - 1].strip()}")

    if all_there == 0:
        sys.exit(f"no branch of {ASSEMBLY} in the reports")
    percent = 100 * all_taken / all_there
    print(f"\n{all_there - all_taken} of {all_there} branches are not taken")
    print(f"branch coverage of {ASSEMBLY}: {percent:.1f} percent")
    sys.exit(0 if percent >= arguments.min else 1)


main()
