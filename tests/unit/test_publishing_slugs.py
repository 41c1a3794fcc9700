"""Addresses of issues."""

import pytest

from newsletters.publishing.slugs import LONGEST, slugify


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ("Explaining Ukraine: what the vote means", "explaining-ukraine-what-the-vote-means"),
        ("Щедрий вечір у Києві", "shchedryi-vechir-u-kyievi"),
        ("Об'єднання — і що далі?", "obiednannia-i-shcho-dali"),
        ("Café Zürich – naïve", "cafe-zurich-naive"),
        ("🎉🎉", ""),
        ("../../etc/passwd", "etc-passwd"),
    ],
)
def test_a_subject_becomes_plain_letters(words: str, slug: str) -> None:
    assert slugify(words) == slug


def test_a_long_subject_ends_with_a_whole_word() -> None:
    slug = slugify("the quick brown fox " * 20)

    assert len(slug) <= LONGEST
    assert slug.endswith(("-the", "-quick", "-brown", "-fox"))
