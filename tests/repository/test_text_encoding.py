"""Decoding files of unknown encodings."""

import pytest

from repository.text_encoding import NotText, decode_again, decode_text, read_text

UNDECLARED = [
    ("cp932", "// 合計を計算する\nint add(int a) { return a; } /* 足し算 */\n"),
    ("cp932", "/* 価格 */\nint x;\n"),
    ("cp932", 'char *name = "ソート能力表";\n'),
    ("euc_jp", "// 合計を計算する\nint x;\n"),
    ("gbk", "// 计算价格\nint price(int a) { return a; } /* 返回价格 */\n"),
    ("gbk", "/* 中文注释 */\nint x;\n"),
    ("gbk", "// 价格\n"),
    ("big5", "// 計算價格\nint x;\n"),
    ("cp949", "// 가격을 계산한다\nint x;\n"),
    ("cp1251", "// вычисляет цену товара\nint x;\n"),
    ("koi8-r", "// Цена товара\nint x;\n"),
    ("latin-1", "# Preis für Größe\nx = 1\n"),
    ("latin-1", "/* Zahl über Null */\nint x;\n"),
    ("latin-1", "// señor, ¿qué? año\n"),
    ("latin-1", "/* 20 °C, à Paris, © J. Müller */\n"),
    ("cp1252", "# it’s 5 € – “quoted”\n"),
]


@pytest.mark.parametrize(("encoding", "text"), UNDECLARED)
def test_an_undeclared_encoding_is_guessed_by_its_frequent_characters(encoding, text):
    decoded = decode_text(text.encode(encoding))
    assert decoded.text == text
    assert decoded.is_guessed


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("für".encode(), "für"),
        ("\ufefffür".encode(), "\ufefffür"),
        ("\ufeffint x;".encode("utf-16-le"), "\ufeffint x;"),
        ("\ufeffint x;".encode("utf-16-be"), "\ufeffint x;"),
        ("int größe;".encode("utf-16-le"), "int größe;"),
        ("int größe;".encode("utf-16-be"), "int größe;"),
        ("# -*- coding: latin-1 -*-\n# ÿ".encode("latin-1"), "# -*- coding: latin-1 -*-\n# ÿ"),
        ("<?xml version='1.0' encoding='GBK'?>价".encode("gbk"), None),
        ("<meta charset=shift_jis>表".encode("cp932"), None),
    ],
)
def test_marks_and_declarations_are_believed(data, text):
    decoded = decode_text(data)
    assert not decoded.is_guessed
    assert text is None or decoded.text == text
    assert decoded.text.encode(decoded.codec) == data


@pytest.mark.parametrize("declared", ["rot13", "utf-7", "unicode_escape", "undefined", "utf-16"])
def test_a_declared_encoding_that_does_not_extend_ascii_is_not_believed(declared):
    data = f"# coding: {declared}\n# f\xfcr\n".encode("latin-1")
    assert "für" in decode_text(data).text


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\0\0abc", bytes(range(256)), "a\0b".encode("utf-16-le")]
)
def test_binary_files_are_not_text(data):
    with pytest.raises(NotText):
        decode_text(data)


def test_the_new_content_is_read_in_the_encoding_of_the_old_one():
    before = decode_text("// 价格\n".encode("gbk"))
    after = "// 价格 añ\n".replace("ñ", "").encode("gbk") + "// 가격을 계산".encode("gbk", "ignore")
    assert decode_again(after, before).codec == "gbk"
    assert decode_again("// für\n".encode(), before).codec == "utf-8"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_not_part_of_a_text_that_is_only_read(encoding):
    assert read_text("[tests]\n".encode(encoding)) == "[tests]\n"
