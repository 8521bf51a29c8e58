"""reference.py FOLDER BASES SPACING SAMPLES SEED: makes a chromosome and, for each sample, what to plant in it.

Writes reference.fa, samples.csv, and truth/SAMPLE.tsv with a line per planted variant: position (from 1), reference, alternative,
genotype. Every tenth site is an insertion or a deletion, the others are substitutions; a sample carries about half of the
sites, each on one of its two chromosomes or on both."""
import os
import random
import sys

folder, (bases, spacing, samples, seed) = sys.argv[1], map(int, sys.argv[2:])
dice = random.Random(seed)
reference = "".join(dice.choices("ACGT", k=bases))


def variant(index, at):
    """(position from 0, reference, alternative), indels as far to the left as they can be written."""
    if index % 10 != 9:
        return at, reference[at], dice.choice("ACGT".replace(reference[at], ""))
    size = dice.randint(1, 6)
    if index % 20 == 9:
        while reference[at] == reference[at + size]:
            at += 1
        return at, reference[at:at + size + 1], reference[at]
    inserted = "".join(dice.choices("ACGT", k=size - 1)) + dice.choice("ACGT".replace(reference[at], ""))
    return at, reference[at], reference[at] + inserted


sites = [variant(index, at) for index, at in enumerate(range(spacing, bases - spacing, spacing))]
os.makedirs(os.path.join(folder, "truth"), exist_ok=True)
planted = 0
for number in range(1, samples + 1):
    with open(os.path.join(folder, "truth", "s%d.tsv" % number), "w") as truth:
        for at, old, new in sites:
            genotype = dice.choice(("0/0", "0/0", "0/1", "1/1"))
            if genotype != "0/0":
                truth.write("%d\t%s\t%s\t%s\n" % (at + 1, old, new, genotype))
                planted += 1
with open(os.path.join(folder, "samples.csv"), "w") as table:
    table.write("sample\n" + "".join("s%d\n" % number for number in range(1, samples + 1)))
with open(os.path.join(folder, "reference.fa"), "w") as fasta:
    fasta.write(">chr1\n")
    fasta.writelines(reference[start:start + 60] + "\n" for start in range(0, bases, 60))
