"""A look that now and then fails: the second one breaks. Ready from the third successful look on."""
import json
import sys

path = json.load(sys.stdin)["file"]
with open(path, "a+") as file:
    file.seek(0)
    before = len(file.readlines())
    file.write("look\n")
if before == 1:
    sys.exit("the line was busy")
json.dump({"ready": before >= 3}, sys.stdout)
