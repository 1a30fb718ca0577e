"""A WordNet of nine nouns, in the files and the format of the real one.

entity - object - furniture - table
       |                    - seat - chair - armchair
       - animal - dog
       - piece_of_cloth - floor_mat
"""

NOUNS = {  # synset: (its words, the synset above it)
    "entity": (["entity"], None),
    "object": (["object"], "entity"),
    "furniture": (["furniture"], "object"),
    "table": (["table"], "furniture"),
    "seat": (["seat"], "furniture"),
    "chair": (["chair"], "seat"),
    "armchair": (["armchair", "easy_chair"], "chair"),
    "animal": (["animal"], "entity"),
    "dog": (["dog"], "animal"),
    "cloth": (["piece_of_cloth"], "entity"),
    "mat": (["floor_mat"], "cloth"),
}
HEADER = "  1 WordNet 3.0 Copyright 2006 by Princeton University.  All rights reserved.  \n"
OTHER_KINDS = ("verb", "adj", "adv")


def write_wordnet(folder):
    """Write the files that Debian's wordnet-base has, of those that count."""
    folder.mkdir(exist_ok=True)
    offsets = dict.fromkeys(NOUNS, 0)
    for _ in range(2):  # all offsets have the same width, so the second time they are right
        lines, place = [], len(HEADER)
        for name, (words, above) in NOUNS.items():
            offsets[name] = place
            spelt = " ".join(f"{word} 0" for word in words)
            pointers = "000" if above is None else f"001 @ {offsets[above]:08} n 0000"
            lines.append(f"{place:08} 03 n {len(words):02x} {spelt} {pointers} | {name}  \n")
            place += len(lines[-1])
    (folder / "data.noun").write_text(HEADER + "".join(lines))
    index = [
        f"{word} n 1 1 @ 1 0 {offsets[name]:08}  \n"
        for name, (words, _) in NOUNS.items()
        for word in words
    ]
    (folder / "index.noun").write_text(HEADER + "".join(sorted(index)))
    (folder / "noun.exc").write_text("")
    for kind in OTHER_KINDS:
        (folder / f"data.{kind}").write_text(HEADER)
        (folder / f"index.{kind}").write_text(HEADER)
        (folder / f"{kind}.exc").write_text("")
    return folder
