"""How high a ball flies that is thrown at an angle; an angle that makes no sense fails as an error with a name."""
import json
import math
import sys

row = json.load(sys.stdin)
if not 0 <= row["angle"] <= 90:
    print(json.dumps({"errorType": "Diverged", "errorMessage": "no ball flies at %g degrees" % row["angle"]}))
    sys.exit(1)
height, rise, step = 0.0, row["speed"] * math.sin(math.radians(row["angle"])), 1e-4
while rise > 0:
    height += rise * step
    rise -= 9.81 * step
json.dump({"name": row["name"], "height": round(height, 1)}, sys.stdout)
