"""same_answers.py ITEMS FLOAT OTHER...: as good as equal answers."""

import json
import sys

items = len(open(sys.argv[1], encoding="utf-8").readlines())
exact, *others = [json.load(open(path)) for path in sys.argv[2:]]
assert exact["items"] == items and exact["choice_items"] == items
assert exact["answer_tokens"] > items and exact["answer_loss"] > 0
for other in others:
    assert other["answer_tokens"] == exact["answer_tokens"]
    assert abs(other["answer_loss"] - exact["answer_loss"]) < 0.01
    assert abs(other["increase"] - other["answer_loss"] + exact["answer_loss"]) < 1e-9
    assert 0 < other["kl_divergence"] < 0.01
    assert other["top1_agreement"] > 0.9
    assert abs(other["accuracy"] - exact["accuracy"]) <= 1 / items
print("same answers of", items, "items")
