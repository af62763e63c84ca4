"""Runs the toy desk as its own processes: `python -m tests.procs.toy_desk CONFIG DATA_DIR`."""

import sys
from pathlib import Path

from oms.errors import MexomsError
from procs import start
from procs.config.files import load_desk
from procs.config.ports import effective
from procs.files.paths import DeskPaths
from tests.procs.toys import make_toy


def main(config_path, data_dir):
    config = load_desk(Path(config_path), data_dir)
    paths = DeskPaths.of(config)
    try:
        with start.desk_lock(paths) as lock:
            config = effective(config, paths)
            paths.make()
            start.warm_host()
            return start.keep_here(config, make_toy, lock)
    except MexomsError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
