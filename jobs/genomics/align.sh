#!/bin/bash
# align.sh FOLDER SAMPLE COVERAGE SEED: sequences a sample, aligns its reads, sorts and indexes them: bam/SAMPLE.bam.
# With reads of your own, put `cat SAMPLE.fastq` in the place of reads.py.
set -euo pipefail
bam=$1/bam/$2.bam
mkdir -p "$1/bam"
python3 reads.py "$@" | bwa mem -v 1 -p -R "@RG\tID:$2\tSM:$2" "$1/reference.fa" - | samtools sort -T "$bam" -o "$bam.part" -
mv "$bam.part" "$bam"
samtools index "$bam"
