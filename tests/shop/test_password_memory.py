import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
THREADS = 8
# One hash takes 20 MB; eight threads that kept theirs would be at 160.
MOST_MEGABYTES = 60
PROGRAM = f"""
import threading
import psutil
from shop.services.accounts import hasher

own, has_ended = psutil.Process(), threading.Event()
before = own.memory_info().rss
for _ in range({THREADS}):
    has_hashed = threading.Event()
    def work():
        hasher.hash("walnut-stool-42")
        hasher.hash("walnut-stool-42")
        has_hashed.set()
        has_ended.wait()
    threading.Thread(target=work).start()
    has_hashed.wait()
print((own.memory_info().rss - before) // 10**6)
has_ended.set()
"""


def test_in_the_image_a_thread_that_has_hashed_a_password_keeps_no_memory_of_it() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    allocator = dict(re.findall(r"(MALLOC_\w+)=(\d+)", dockerfile))

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=os.environ | allocator,
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(ended.stdout) < MOST_MEGABYTES
