"""Returned mail in the shapes of the world's mail systems, each with what must be read from it."""

from tests.corpus.returned.building import Specimen
from tests.corpus.returned.complaints import COMPLAINTS
from tests.corpus.returned.odd import ODD
from tests.corpus.returned.standard import STANDARD

CORPUS: tuple[Specimen, ...] = (*STANDARD, *ODD, *COMPLAINTS)
