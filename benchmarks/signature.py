"""One RSA-2048 signature: the wall that no sender gets past, in CPU time of one core.

``python -m benchmarks.signature NUMBER`` says what one costs in a process of its own.
"""

import os
import subprocess
import sys
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

HEAD = b"x" * 900  # as much as the signed fields of one message


def rsa_us(*, signatures: int) -> float:
    """CPU microseconds of one signature, the median of five stretches."""
    key = rsa.generate_private_key(65537, 2048)
    stretches = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(signatures // 5):
            key.sign(HEAD, padding.PKCS1v15(), hashes.SHA256())
        stretches.append((time.process_time() - began) / (signatures // 5) * 1e6)
    return sorted(stretches)[2]


def busy_rsa_us(*, signatures: int) -> float:
    """The same while every core of the machine signs: cores that share their works are slower then."""
    command = [sys.executable, "-m", "benchmarks.signature", str(signatures)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(os.cpu_count() or 1)
    ]
    said = [process.communicate()[0] for process in running]
    return sum(map(float, said)) / len(said)


if __name__ == "__main__":
    sys.stdout.write(f"{rsa_us(signatures=int(sys.argv[1]))}\n")
