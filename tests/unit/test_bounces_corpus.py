"""What is read from returned mail in the shapes of the world's mail systems."""

import pytest

from tests.corpus.returned import CORPUS
from tests.corpus.returned.building import Specimen
from tests.returning import read_returned


def test_the_corpus_is_large_and_names_each_shape_once() -> None:
    names = [specimen.name for specimen in CORPUS]

    assert len(names) >= 60
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("specimen", CORPUS, ids=lambda specimen: specimen.name)
def test_a_returned_mail_is_read(specimen: Specimen) -> None:
    verdict = read_returned(specimen.raw)

    assert verdict.kind is specimen.kind
    assert verdict.reply.startswith(specimen.reply)
    assert "\n" not in verdict.reply
    assert len(verdict.reply) <= 500
