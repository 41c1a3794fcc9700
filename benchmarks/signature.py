"""One RSA-2048 signature: the wall that no sender gets past, in CPU time of one core."""

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
