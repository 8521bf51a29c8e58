"""reads.py FOLDER SAMPLE COVERAGE SEED: what a sequencer would read of a sample, as pairs of FASTQ records on stdout.

Pairs of 100 bases from fragments of about 300, from both chromosomes, every tenth read with a wrong base."""
import random
import sys

folder, sample, coverage, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
READ = 100
MISREAD = 0.1  # the share of reads that have a wrong base
dice = random.Random(seed + sample)
with open(folder + "/reference.fa") as fasta:
    next(fasta)
    reference = fasta.read().replace("\n", "")
with open("%s/truth/%s.tsv" % (folder, sample)) as lines:
    planted = [line.split() for line in lines]


def chromosome(carries):
    pieces, after = [], 0
    for position, old, new, genotype in planted:
        if carries(genotype):
            pieces += [reference[after:int(position) - 1], new]
            after = int(position) - 1 + len(old)
    return "".join(pieces) + reference[after:]


chromosomes = [chromosome(lambda genotype: True), chromosome(lambda genotype: genotype == "1/1")]
complement = str.maketrans("ACGT", "TGCA")
quality = "?" * READ  # one error in a thousand bases, which is true
for number in range(len(reference) * coverage // (2 * READ)):
    source = dice.choice(chromosomes)
    length = max(READ, int(dice.gauss(300, 30)))
    start = int(dice.random() * (len(source) - length))
    forward = source[start:start + READ]
    backward = source[start + length - READ:start + length].translate(complement)[::-1]
    for end, bases in ((1, forward), (2, backward)):
        if dice.random() < MISREAD:
            at = dice.randrange(READ)
            bases = bases[:at] + dice.choice("ACGT") + bases[at + 1:]
        sys.stdout.write("@%s.%d/%d\n%s\n+\n%s\n" % (sample, number, end, bases, quality))
