"""A Lambda function of a recorded case, as a job: does what the case says of it.

Usage: aws_function.py BEHAVIOUR [ERROR_TYPE [ERROR_MESSAGE]], the event on standard input. Ends as AWS's Python runtime
does: the result on standard output, or an error object as its last line and exit status 1.
"""

import json
import re
import sys
import time


def main():
    behaviour = sys.argv[1]
    text = sys.stdin.read()
    if behaviour == "raises":
        error_type = sys.argv[2] if len(sys.argv) > 2 else "Exception"
        message = sys.argv[3] if len(sys.argv) > 3 else ""
        shown = json.dumps(message) if message else ""
        line = 2 if error_type == "Exception" else 9  # a class of the handler's own comes before it
        error = {
            "errorMessage": message,
            "errorType": error_type,
            "requestId": "00000000-0000-4000-8000-000000000000",
            "stackTrace": [f'  File "/var/task/handler.py", line {line}, in handler\n    raise {error_type}({shown})\n'],
        }
        print(json.dumps(error))
        return 1
    if found := re.match(r"sleeps ([\d.]+) s", behaviour):
        time.sleep(float(found.group(1)))
    if found := re.search(r"returns a string of ([\d,]+) letters (\w)", behaviour):
        print(json.dumps(found.group(2) * int(found.group(1).replace(",", ""))))
        return 0
    if "returns its event" in behaviour:
        print(text)
        return 0
    print(json.dumps({"errorType": "UnknownBehaviour", "errorMessage": behaviour}))
    return 1


if __name__ == "__main__":
    sys.exit(main())
