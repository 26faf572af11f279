from __future__ import annotations

from mmvae_cli.reporting.html import Markup, element, filled, joined, table


def test_content_and_attributes_are_escaped_and_markup_is_not() -> None:
    made = element("p", '<b>"x"</b> & ', element("br"), title='"><script>')
    assert made == '<p title="&quot;&gt;&lt;script&gt;">&lt;b&gt;&quot;x&quot;&lt;/b&gt; &amp; <br></p>'
    assert isinstance(made, Markup)


def test_an_attribute_without_a_value_is_left_out() -> None:
    assert element("a", class_=None, hidden=True, aria_label="b") == '<a hidden aria-label="b"></a>'


def test_a_table_escapes_its_cells_and_says_which_are_numbers() -> None:
    made = table("<caption>", ("name", "n"), [("<a>", 1)])
    assert "<caption>&lt;caption&gt;</caption>" in made
    assert '<td>&lt;a&gt;</td><td class="number">1</td>' in made


def test_what_looks_like_a_place_inside_content_stays_as_it_is() -> None:
    assert filled("{{a}}-{{b}}", {"a": "{{b}}", "b": "{{a}}"}) == "{{b}}-{{a}}"


def test_pieces_are_joined_in_order() -> None:
    assert joined(("<", Markup("<i>"), 1)) == "&lt;<i>1"
