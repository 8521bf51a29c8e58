"""Names the highest of the points that the input holds, and counts those that were given up."""
import json
import sys

points = json.load(sys.stdin)
best = max(points, key=lambda point: point["height"])
json.dump({"best": best, "given_up": sum(point["height"] < 0 for point in points)}, sys.stdout)
