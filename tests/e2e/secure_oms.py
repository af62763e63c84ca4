"""`oms` whose desk and exchange speak TLS: python -m tests.e2e.secure_oms CERTIFICATE KEY up …"""

import sys
from pathlib import Path

from procs.cli.main import main
from tests.bench.tls import encipher_desk

if __name__ == "__main__":
    certificate, key, *words = sys.argv[1:]
    encipher_desk(Path(certificate), Path(key))
    sys.exit(main(words))
