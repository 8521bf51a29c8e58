"""A bar of stars for each number of the input, a line each."""
import json
import sys

for length in json.load(sys.stdin)["bars"]:
    print("*" * length)
