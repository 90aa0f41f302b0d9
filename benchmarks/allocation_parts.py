"""Widths that parts of the allocation would choose, at the size of the whole.

A matrix is a weight of the model. Its loss is that of losses.json (the squared
error of its outputs, weighed by their Fisher information), or, without Fisher
information, the same as a share of what the matrix loses at 0 bits, which is
all of its outputs.
"""
import itertools
import typing

# What "losses" of losses.json are for.
WIDTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 16]

# Blocks differ, matrices differ, Fisher information.
PARTS = {
    "within matrices": (True, False, True),
    "across matrices": (False, True, True),
    "both without Fisher": (True, True, False),
}


def hull_edges(item, costs, losses):
    """The lower convex hull of an item's choices: (loss saved by a bit, item,
    index of the width, bits more), of falling rate."""
    edges, at = [], 0
    while at + 1 < len(costs):
        rate, _, to = max(((losses[at] - losses[to]) / (costs[to] - costs[at]),
                           -to, to) for to in range(at + 1, len(costs)))
        if rate <= 0:
            break
        edges.append((rate, item, to, costs[to] - costs[at]))
        at = to
    return edges


def solve(items, budget):
    """The index of a width for each item, a list of costs and one of losses, as
    steepest edges fit into `budget` bits; and the bits that are left."""
    choice = [0] * len(items)
    edges = [edge for item, (costs, losses) in enumerate(items)
             for edge in hull_edges(item, costs, losses)]
    ended = set()
    for _, item, to, cost in sorted(edges, key=lambda edge: (-edge[0], edge[1:])):
        if item not in ended and cost <= budget:
            choice[item] = to
            budget -= cost
        else:
            ended.add(item)
    return choice, budget


class Block(typing.NamedTuple):
    """A block of columns of a panel."""
    place: tuple  # stack, panel, block
    matrix: tuple  # the same for all blocks of a weight of the model
    weights: int
    losses: list  # parallel to WIDTHS


def blocks_of(losses, allocation):
    for s, (stack, planned) in enumerate(
            zip(losses["stacks"], allocation["matrices"])):
        assert stack["name"] == planned["name"]
        for p, rows in enumerate(stack["rows"]):
            matrix = s, planned["panels"][p].get("source", p)
            for b, block in enumerate(stack["losses"][p]):
                columns = min(stack["width_columns"],
                              stack["columns"] - b * stack["width_columns"])
                yield Block((s, p, b), matrix, rows * columns, block)


def sum_losses(blocks):
    return [sum(values) for values in zip(*(block.losses for block in blocks))]


def choose(blocks, budget, within, across, fisher):
    """The index of a width for each of `blocks`, `budget` bits in all."""
    matrices = {}
    for index, block in enumerate(blocks):
        matrices.setdefault(block.matrix, []).append(index)
    if not fisher:
        whole = {matrix: sum_losses([blocks[i] for i in members])[0] or 1
                 for matrix, members in matrices.items()}
        blocks = [block._replace(losses=[loss / whole[block.matrix]
                                         for loss in block.losses])
                  for block in blocks]
    # Items are groups of blocks, budgets are for groups of items.
    if not within:
        problems = [(list(matrices.values()), budget)]
    elif across:
        problems = [([[i] for i in range(len(blocks))], budget)]
    else:
        weights = sum(block.weights for block in blocks)
        problems = [([[i] for i in members],
                     budget * sum(blocks[i].weights for i in members) / weights)
                    for members in matrices.values()]
    choice, left = [0] * len(blocks), 0
    for items, own in problems:
        sizes = [sum(blocks[i].weights for i in item) for item in items]
        answer, left = solve([([size * width for width in WIDTHS],
                               sum_losses([blocks[i] for i in item]))
                              for size, item in zip(sizes, items)], own + left)
        for item, width in zip(items, answer):
            for i in item:
                choice[i] = width
    return choice


def segments_of(blocks):
    """`blocks`: width and columns of each."""
    return [{"bits": bits, "columns": sum(columns for _, columns in run)}
            for bits, run in itertools.groupby(blocks, key=lambda block: block[0])]


def allocation_by(part, losses, allocation):
    """An allocation.json with as many bits of codes as `allocation` has, which
    picollm made from `losses`; both as read from JSON."""
    budget = sum(panel["rows"] * segment["columns"] * segment["bits"]
                 for matrix in allocation["matrices"]
                 for panel in matrix["panels"] for segment in panel["segments"])
    blocks = list(blocks_of(losses, allocation))
    choice = choose(blocks, budget, *PARTS[part])
    widths = {block.place: WIDTHS[width] for block, width in zip(blocks, choice)}
    matrices = []
    for s, stack in enumerate(losses["stacks"]):
        panels = range(len(stack["rows"]))
        stored = sorted(range(len(stack["losses"][0])),
                        key=lambda b: ([-widths[s, p, b] for p in panels], b))
        columns = [stack["order"][b * stack["width_columns"]:
                                  (b + 1) * stack["width_columns"]]
                   for b in stored]
        matrices.append(dict(
            allocation["matrices"][s],
            panels=[dict(panel, segments=segments_of(
                [(widths[s, p, b], len(block))
                 for b, block in zip(stored, columns)]))
                for p, panel in enumerate(allocation["matrices"][s]["panels"])],
            order=[column for block in columns for column in block]))
    return dict(allocation, matrices=matrices)
