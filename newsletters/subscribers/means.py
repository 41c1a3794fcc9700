"""What the use cases of this slice are handed to sign, hash and point with; the runtime is one.

Bound by structure rather than by name: the composition root stands to the left of this slice.
"""

from typing import Protocol

from newsletters.kernel.digests import Digester
from newsletters.kernel.tokens import Signer
from newsletters.kernel.urls import Urls


class Means(Protocol):
    """A signer for links, a digester for what must not be kept, and our own URLs."""

    @property
    def signer(self) -> Signer: ...

    @property
    def digester(self) -> Digester: ...

    @property
    def urls(self) -> Urls: ...
