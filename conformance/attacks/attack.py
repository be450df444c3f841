#!/usr/bin/env python3
"""The attack list against any FHIR R4 server: does a caller who may not see something learn that it is there?

    attack.py WORLD.json [--lines 1,23] [--timeout SECONDS] [--verbose]

WORLD.json names a server, two tokens and a prepared world; README.md beside this file says how to make one. Each request is sent twice
by the caller who may not see: once about what is hidden, once about what is not there. The two answers must be the same. The caller who
may see asks both as well: where even its answers are the same the server does not offer what the request asks for, and nothing is shown.

One line for each attack: `NN held|LEAKED|not offered`. Exit code: 0, 1 when something leaks, 2 when the world is not as described or the server does not answer.
"""

import argparse
import json
import sys

sys.dont_write_bytecode = True

from attacks import LINES, Unfit
from world import Server, World


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", help="the prepared world, as JSON; `-` is standard input")
    parser.add_argument("--lines", help="only these numbers, with commas between them")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds for one request")
    parser.add_argument("--verbose", action="store_true", help="every request with its verdict")
    arguments = parser.parse_args()
    with sys.stdin if arguments.world == "-" else open(arguments.world, encoding="utf-8") as file:
        described = json.load(file)
    wanted = {int(number) for number in arguments.lines.split(",")} if arguments.lines else None
    server = Server(described["base"], arguments.timeout)
    worlds = [World(server, one) for one in described["worlds"]]
    for world in worlds:
        fault = world.fault()
        if fault:
            print(f"the world `{world.name}` is not as described: {fault}", file=sys.stderr)
            return 2
    leaked = 0
    for number, title, attacks in LINES:
        if wanted is not None and number not in wanted:
            continue
        held, found = 0, []
        for world in worlds:
            for attack in attacks:
                try:
                    verdict, told = attack(world)
                except Unfit:
                    continue
                except OSError as error:
                    print(f"line {number}: {world.name}: no answer: {error}", file=sys.stderr)
                    return 2
                held += verdict == "held"
                found += [f"{world.name}: {told}"] if verdict == "LEAKED" else []
                if arguments.verbose:
                    print(f"     {world.name}: {verdict}: {told}", file=sys.stderr)
        verdict = "LEAKED" if found else "held" if held else "not offered"
        leaked += bool(found)
        print(f"{number:02} {verdict:<11} {title}" + (f" ({held} requests)" if held and not found else ""))
        for told in found:
            print(f"     {told}")
    return 1 if leaked else 0


if __name__ == "__main__":
    sys.exit(main())
