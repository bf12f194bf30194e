"""Reports of `drrl compare` over seeds, as Markdown: means, and how far seeds spread."""
import math
import statistics


def spread(values, digits):
    """Mean ± standard deviation over seeds; the number alone for one seed."""
    if any(value is None for value in values):
        return "–"
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def markdown(rows):
    """Rows of cells, the first the header, aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def line(cells):
        return "| " + " | ".join(
            cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(cells, widths))) + " |"
    rule = "|" + "|".join(":" + "-" * (w + 1) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


# A comparison's rows; the fixed levels come after full attention, others after these.
ORDER = ["full", "fixed", "energy", "random", "policy", "nearest", "per-layer", "histogram", "oracle",
         "performer", "nystrom"]
HEADER = ["perplexity", "/ full", "FLOPs / full", "seconds / full", "score rank", "value rank"]


def cells(rows):
    """What HEADER names, of one strategy's row in each seed's report."""
    def column(key, digits):
        return spread([row[key] for row in rows], digits)
    ranks = [column("mean_score_rank", 1), column("mean_value_rank", 1)]
    # Kernels in the place of softmax have no rank.
    return [column("token_perplexity", 3), column("perplexity_ratio", 4), column("flops_ratio", 4),
            column("seconds_ratio", 3), *(["–", "–"] if rows[0]["attention"] in ("performer", "nystrom") else ranks)]


def named(table, name):
    """The row that stands as `name`, among others perhaps; None where there is none."""
    return next((row for row in table["rows"] if name in row["names"]), None)


def contexts(reports):
    """The tables of one context in all reports, context by context."""
    for i, table in enumerate(reports[0]["contexts"]):
        yield table, [report["contexts"][i] for report in reports]


def comparison(reports):
    """One table a context over the seeds' reports; then the reference against its rivals at the same FLOPs."""
    parts = []
    for first, tables in contexts(reports):
        names = [name for row in first["rows"] for name in row["names"]]
        kinds = {name: name.split()[0] for name in names}
        names.sort(key=lambda name: ORDER.index(kinds[name]) if kinds[name] in ORDER else len(ORDER))
        rows = [["strategy", *HEADER]]
        for name in names:
            own = [named(table, name) for table in tables]
            if all(own):
                rows.append([name, *cells(own)])
        text = (f"context {first['context']}: {len(tables)} seed(s), {first['predicted_tokens']} predicted tokens in "
                f"{first['windows']} windows; mean ± standard deviation over seeds; levels {','.join(first['levels'])}\n\n"
                + markdown(rows))
        judged = [named(table, first["reference"]) for table in tables]
        for rival in ("nearest", "per-layer", "histogram"):
            others = [named(table, rival) for table in tables]
            if all(judged) and all(others):
                ratios = [math.exp((a["nll"] - b["nll"]) / table["predicted_tokens"])
                          for a, b, table in zip(judged, others, tables)]
                flops = [a["flops"]["total"] / b["flops"]["total"] for a, b in zip(judged, others)]
                text += (f"\n{'' if rival != 'nearest' else chr(10)}- {first['reference']} / {rival}: perplexity "
                         f"{spread(ratios, 5)}, FLOPs {spread(flops, 4)}")
        parts.append(text)
    return "\n\n".join(parts)
