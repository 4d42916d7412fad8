"""Questions to begin from where the user has none: beginnings of Python, in words of our own.

Self-instruct (Wang et al., 2022) starts from such a list and lets the model write more like it.
"""

SEEDS = (
    'def read_lines(path):\n    """Return the lines of a text file without their ends."""\n',
    'def count_words(text):\n    """Count how often each word occurs, whatever its case."""\n',
    'def parse_arguments(argv=None):\n    """Read the command line; return the namespace."""\n',
    'def median(values):\n    """Return the middle of the sorted values."""\n',
    'def flatten(nested):\n    """Yield the items of lists within lists, depth first."""\n',
    'def retry(function, times, delay=1.0):\n    """Call until it no longer raises."""\n',
    "def is_prime(number):\n    # Divide by every odd number up to the root.\n",
    "def load_config(path):\n    import json\n\n    with open(path) as stream:\n",
    "def send_request(host, port, payload):\n    with socket.create_connection((host, port)) as",
    "def main():\n    logging.basicConfig(level=logging.INFO)\n",
    'class Stack:\n    """Last in, first out."""\n\n    def __init__(self):\n',
    'class TokenBucket:\n    """Let so many calls through a second."""\n',
    "class TestParser(unittest.TestCase):\n    def setUp(self):\n",
    "import os\nimport sys\n\n\ndef walk(top):\n",
    "import threading\n\n\nclass Worker(threading.Thread):\n    def run(self):\n",
    "from dataclasses import dataclass\n\n\n@dataclass\nclass Point:\n",
)
