"""Where WikiText lies, and the options by which a benchmark is told otherwise."""
import os
import pathlib

import programs


def add_options(parser):
    """--train and --valid, whose defaults `texts` finds."""
    parser.add_argument("--train", type=pathlib.Path, help="training text (wiki.test.tokens of the directory below)")
    parser.add_argument("--valid", type=pathlib.Path, help="held-out text (wiki.valid.tokens of $DRRL_DATA/wikitext-2, or "
                        "of ../shared/data/wikitext-2 beside the project)")


def texts(options):
    """The training and the held-out text, both of which are there."""
    data = pathlib.Path(os.environ.get("DRRL_DATA", programs.ROOT.parent / "shared" / "data")) / "wikitext-2"
    files = options.train or data / "wiki.test.tokens", options.valid or data / "wiki.valid.tokens"
    for file in files:
        if not file.is_file():
            programs.stop(f"{file} is missing; name the texts with --train and --valid, or set DRRL_DATA to the directory "
                          "that holds wikitext-2/")
    return files
