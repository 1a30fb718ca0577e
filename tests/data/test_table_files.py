from vqa_cli.data.table_files import TableFiles, by_folder, tables_among


def test_parts_are_one_table_in_order() -> None:
    files = [
        "data/test-00000-of-00001.parquet",
        "data/train-00001-of-00002-0123456789abcdef.parquet",
        "data/train-00000-of-00002-0123456789abcdef.parquet",
        "more/train-00000-of-00001.parquet",
        "questions.csv",
    ]
    tables = tables_among(files)
    assert tables == [
        TableFiles((files[0],), "test", in_parts=True),
        TableFiles((files[2], files[1]), "train", in_parts=True),
        TableFiles((files[3],), "train", in_parts=True),
        TableFiles(("questions.csv",), "questions"),
    ]
    assert [table.split for table in tables] == ["test", "train", "train", None]
    assert by_folder(tables) == {"data": tables[:2], "more": tables[2:3], "": tables[3:]}
