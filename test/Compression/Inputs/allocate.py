"""allocate.py LOSSES: an allocation of 5 bits everywhere, but for the embedding:
two panels of its rows, columns in reversed order."""

import json
import sys

matrices = []
for stack in json.load(open(sys.argv[1]))["stacks"]:
    columns = stack["columns"]
    panels = [{"rows": rows, "segments": [{"bits": 5, "columns": columns}]} for rows in stack["rows"]]
    matrix = {"name": stack["name"], "rows": sum(stack["rows"]), "columns": columns, "panels": panels}
    if stack["name"] == "token_embd.weight":
        matrix["order"] = list(reversed(range(columns)))
        matrix["panels"] = [
            {"rows": 130, "segments": [{"bits": 6, "columns": columns}]},
            {"rows": 190, "segments": [{"bits": 5, "columns": 32}, {"bits": 3, "columns": columns - 32}]},
        ]
    matrices.append(matrix)
json.dump({"file_bytes": 0, "weights": 0, "matrices": matrices}, sys.stdout)
